/** The player: a dream with its sound over its source, whether it flashes, and how steady it is. */

import { request } from "./api.js";
import { clock, find, make, say } from "./elements.js";
import { fileOf, loadFiles } from "./library.js";

const PERIOD = 400; // ms between looks at how far a measurement is
const FAR = 0.25; // s by which the source is off before it jumps to where it should be
const PULL = 4; // by how much faster or slower it plays for each second that it is off

let file = null;
let dream = null; // what is played: a video, or an image that moves or not
let source = null; // what it is compared with, from `start` seconds on
let start = 0;
let calm = false; // it may start by itself
let touched = false; // somebody has pressed Play or moved to another time
let opened = 0; // counts what was opened; an answer for an older one comes too late
let before = null; // what had the focus

const isVideo = (media) => media instanceof HTMLVideoElement;
const still = (id) => `/api/files/${id}/frame?longest=960`;
const content = (id) => `/api/files/${id}/content`;
const mayMove = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;

export function buildPlayer() {
  find("player-close").addEventListener("click", () => find("player").close());
  find("player").addEventListener("close", () => { clear(); before?.focus(); });
  find("player-play").addEventListener("click", () => { touched = true; toggle(); });
  find("player-seek").addEventListener("input", () => { touched = true; dream.currentTime = (Number(find("player-seek").value) + 0.5) / rate(); }); // the middle of a frame
  find("player-sound").addEventListener("click", () => { dream.muted = !dream.muted; keepUp(); });
  find("player-full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : find("player-stage").requestFullscreen()).catch(() => {}));
  find("player-compare").addEventListener("input", compare);
  find("player-measure").addEventListener("click", measure);
}

export async function play(id) {
  before = document.activeElement;
  if (!fileOf(id)) await loadFiles();
  clear();
  file = fileOf(id);
  if (!file) { say("This file is no longer in the folder."); return; }
  const mine = opened;
  find("player-title").textContent = file.name;
  const moves = file.kind === "video";
  const asImage = !moves || /\.(gif|apng|webp|png|avif)$/i.test(file.name);
  if (asImage) showImage(moves || file.kind === "folder" ? still(id) : content(id), moves || file.kind === "folder" ? `The first frame of ${file.name}` : file.name);
  else showVideo();
  find("player-controls").hidden = !moves;
  find("player").showModal();
  find("player-title").focus();
  if (moves) watchForFlashes(mine);
  findSource(mine);
}

function clear() {
  opened += 1;
  drop(source);
  drop(dream);
  file = dream = source = null;
  start = 0;
  calm = touched = false;
  find("player-measure").disabled = false;
  for (const name of ["compare", "report", "measure", "seek", "clock", "sound", "full"]) find(`player-${name}`).hidden = true;
  find("player-compare").value = "0";
  tell("");
}

/** Take a picture or a video away, and end what it loads. */
function drop(media) {
  media?.remove();
  if (isVideo(media)) { media.pause(); media.removeAttribute("src"); media.load(); }
}

function tell(text, bad = false) {
  find("player-note").textContent = text;
  find("player-note").classList.toggle("bad", bad);
}

function show(media) {
  media.id = "player-dream";
  media.addEventListener("error", () => {
    if (media !== dream || !isVideo(media)) return;
    find("player-controls").hidden = find("player-compare").hidden = true;
    drop(source);
    source = null;
    tell("This browser does not play this format; its first frame is shown. Download the file to see it in a player.");
    showImage(still(file.id), `The first frame of ${file.name}`);
  });
  if (dream) dream.replaceWith(media);
  else find("player-media").append(media);
  dream = media;
}

function showImage(address, alt) {
  show(make("img", { src: address, alt }));
  showPlaying(address === content(file.id));
}

function showVideo() {
  const video = make("video", { src: content(file.id), poster: still(file.id), loop: true, playsInline: true, preload: "auto", "aria-label": file.name });
  show(video);
  for (const name of ["seek", "clock", "full"]) find(`player-${name}`).hidden = false;
  find("player-sound").hidden = !file.sound;
  for (const name of ["play", "pause", "seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(name, () => { if (video === dream) keepUp(); });
  const follow = () => { if (video === dream) { keepUp(); video.requestVideoFrameCallback?.(follow); } };
  video.requestVideoFrameCallback?.(follow);
  video.addEventListener("click", () => { touched = true; toggle(); });
  keepUp();
}

function showPlaying(playing) {
  find("player-play").textContent = playing ? "Pause" : "Play";
}

const rate = () => file?.rate || 24;

function toggle() {
  if (!isVideo(dream)) {
    const moving = dream.src.endsWith(content(file.id));
    showImage(moving ? still(file.id) : content(file.id), moving ? `The first frame of ${file.name}` : file.name);
  } else if (dream.paused) dream.play().catch(() => {});
  else dream.pause();
}

/** Show where the dream is, and bring its source there. */
function keepUp() {
  const seconds = dream.duration || file.seconds || 0;
  find("player-seek").max = String(Math.max(0, Math.round(seconds * rate()) - 1));
  if (document.activeElement !== find("player-seek") || !dream.paused) find("player-seek").value = String(Math.floor(dream.currentTime * rate() + 1e-3));
  find("player-seek").setAttribute("aria-valuetext", `${clock(dream.currentTime)} of ${clock(seconds)}`);
  find("player-clock").textContent = `${clock(dream.currentTime)} / ${clock(seconds)}`;
  showPlaying(!dream.paused);
  find("player-sound").textContent = dream.muted ? "Sound on" : "Sound off";
  if (!isVideo(source) || source.readyState === 0) return;
  const wanted = dream.currentTime + start;
  const late = wanted - source.currentTime;
  if (dream.paused || dream.seeking || find("player-compare").value === "0" || wanted >= source.duration) {
    source.pause();
    if (Math.abs(late) > 1e-3) source.currentTime = Math.min(wanted, source.duration);
    return;
  }
  if (source.seeking) return;
  if (Math.abs(late) > FAR) source.currentTime = wanted;
  source.playbackRate = Math.abs(late) > FAR ? 1 : 1 + PULL * late;
  if (source.paused) source.play().catch(() => {});
}

function compare() {
  const share = Number(find("player-compare").value);
  // The middle of the slider's thumb, which is 2.6rem wide, is where the two meet.
  dream.style.clipPath = share ? `inset(0 0 0 calc(1.3rem + (100% - 2.6rem) * ${share / 100}))` : "";
  find("player-compare").setAttribute("aria-valuetext", `${share} % source`);
  if (isVideo(dream)) keepUp();
}

/** Return the answer of a measurement, null where something else was opened meanwhile. */
async function answer(address, mine) {
  for (;;) {
    const found = await request(address);
    if (mine !== opened) return null;
    if (!found.waiting) return found;
    await new Promise((done) => { setTimeout(done, PERIOD); });
    if (mine !== opened) return null;
  }
}

/** Start the video once it is known not to flash; otherwise say so, and leave it to a click. */
async function watchForFlashes(mine) {
  tell("looking for flashes…");
  try {
    const found = await answer(`/api/files/${file.id}/flashes`, mine);
    if (!found) return;
    calm = !found.warning && found.until === null;
    if (found.warning) tell(`${found.warning} It plays only when you press Play.`, true);
    else if (calm) tell("");
    else tell(`Flashes were looked for up to ${clock(found.until)} only; there are none. Press Play to see it.`);
  } catch (error) {
    if (mine === opened) tell(`Whether it flashes cannot be told: ${error.message}. Press Play to see it.`);
  }
  if (calm && !touched && mayMove()) toggle();
}

async function findSource(mine) {
  const found = await request(`/api/files/${file.id}/source`).catch(() => ({ id: null }));
  const from = fileOf(found.id);
  if (mine !== opened || !from || from.kind === "folder" || file.kind === "folder") return;
  find("player-measure").hidden = file.kind !== "video";
  if (!isVideo(dream) && file.kind === "video") return;
  start = found.start;
  source = from.kind === "still" ? make("img", { src: still(from.id).replace("960", "1280"), alt: "" }) : make("video", { src: content(from.id), muted: true, playsInline: true, preload: "auto" });
  source.id = "player-source";
  source.setAttribute("aria-hidden", "true");
  source.addEventListener("error", () => { if (mine === opened) { find("player-compare").hidden = true; drop(source); source = null; } });
  source.addEventListener(isVideo(source) ? "loadeddata" : "load", () => {
    if (mine !== opened) return;
    find("player-compare").hidden = false;
    if (isVideo(dream)) keepUp();
  });
  find("player-media").prepend(source);
}

async function measure() {
  const mine = opened;
  const button = find("player-measure");
  button.disabled = true;
  find("player-figures").replaceChildren();
  find("player-scope").replaceChildren("measuring how steady it is; this takes two minutes at most…");
  find("player-report").hidden = false;
  try {
    const report = await answer(`/api/files/${file.id}/steadiness`, mine);
    if (report) showReport(report);
  } catch (error) {
    if (mine === opened) find("player-scope").replaceChildren(error.message);
  }
  if (mine === opened) button.disabled = false;
}

function showReport({ figures, frames, longest, until, command }) {
  find("player-figures").replaceChildren(...figures.map(({ name, value, meaning }) =>
    make("div", {}, make("dt", {}, name), make("dd", { class: "value" }, value), make("dd", {}, meaning))));
  const part = until === null ? `all ${frames} frames` : `the first ${frames} frames (${clock(until)})`;
  find("player-scope").replaceChildren(`Measured on ${part}, at ${longest} px at most. At full size, with a chart: `, make("code", {}, command));
}
