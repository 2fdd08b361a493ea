/** The picture: the dreamed frame over its source, the scrubber, and the previews that keep up with the dials. */

import { page, post } from "./api.js";
import { showMistakes } from "./dials.js";
import { clock, find, later } from "./elements.js";
import { look, onChange, pipeline, setTime } from "./look.js";
import { fileOf } from "./library.js";

const TRIP_SECONDS = 20; // of a trip whose length is not known yet
const PAUSE = 120; // ms without a change after which a preview is asked for

let busy = false;
let again = false;
let shown = { source: null, time: 0 };
let answered = ""; // what the picture that is shown was asked for with
let film = { start: 0, seconds: 0, rate: 24 }; // what is made: from where in the source, how long, frames a second

export function buildStage() {
  find("scrub").addEventListener("input", () => setTime(Number(find("scrub").value) / film.rate));
  find("longest").addEventListener("change", () => ask());
  find("compare").addEventListener("input", compare);
  onChange((what) => {
    if (what === "source") showSource();
    showTime();
    if (what === "time") showUpcoming();
    ask();
  });
}

/** Adjust the scrubber to the source, and show its own frame until the first dream comes. */
export function showSource() {
  const file = fileOf(look.source);
  takeFilm(pipeline() === "zoom" ? { start: 0, seconds: TRIP_SECONDS, rate: 24 } : { start: 0, seconds: file?.seconds ?? 0, rate: file?.rate || 24 });
  find("welcome").hidden = Boolean(file) || pipeline() === "zoom";
  if (file && shown.source !== look.source) {
    find("dreamed").hidden = true;
    find("compare").disabled = true;
    answered = "";
    show(find("source"), frameAddress(Number(find("longest").value)), `The source at ${clock(look.time)}`);
  }
}

/** Adjust the scrubber to what is made: the source as a whole, until the server has told what the look uses of it. */
function takeFilm(told) {
  film = told;
  const scrub = find("scrub");
  scrub.max = String(Math.max(0, Math.round(film.seconds * film.rate) - 1));
  scrub.disabled = film.seconds === 0;
  find("scrub-label").hidden = find("clock").hidden = film.seconds === 0;
  showTime();
}

const frameAddress = (longest) => `/api/files/${look.source}/frame?time=${film.start + look.time}&longest=${longest}`;

function show(image, address, alt) {
  image.src = address;
  image.alt = alt;
  image.hidden = false;
}

function showTime() {
  find("scrub").value = String(Math.round(look.time * film.rate));
  find("scrub").setAttribute("aria-valuetext", `${clock(look.time)} of ${clock(film.seconds)}`);
  find("clock").textContent = `${clock(look.time)} / ${clock(film.seconds)}`;
}

/** Show the frame that the scrubber is at in a corner, while the last dream is of another. */
const showUpcoming = later(60, () => {
  if (look.source && pipeline() !== "zoom" && (busy || shown.time !== look.time)) {
    show(find("upcoming"), frameAddress(200), "");
  }
});

function compare() {
  const share = Number(find("compare").value);
  // The middle of the slider's thumb, which is 2.6rem wide, is where the two meet.
  find("dreamed").style.clipPath = share ? `inset(0 0 0 calc(1.3rem + (100% - 2.6rem) * ${share / 100}))` : "";
  find("compare").setAttribute("aria-valuetext", `${share} % source`);
}

const ask = later(PAUSE, askNow);

async function askNow() {
  if (busy) { again = true; return; }
  if (!look.source && pipeline() !== "zoom") { tell(""); return; }
  const asked = { page, source: look.source, time: look.time, values: look.values, longest: find("longest").value };
  if (JSON.stringify(asked) === answered) return;
  busy = true;
  const wanted = { source: look.source, time: look.time };
  tell("dreaming…");
  find("picture").classList.add("waiting");
  try {
    const reply = await post("/api/preview", asked);
    answered = JSON.stringify(asked);
    showMistakes([]);
    showDream(wanted, reply);
  } catch (error) {
    answered = "";
    if (!error.superseded) explain(error);
  }
  busy = false;
  find("picture").classList.remove("waiting");
  if (again) { again = false; askNow(); }
}

function showDream(wanted, reply) {
  if (wanted.source !== look.source) return;
  const at = find("scrub").disabled ? "" : ` at ${clock(wanted.time)}`;
  show(find("source"), `data:image/webp;base64,${reply.source}`, `The source${at}`);
  show(find("dreamed"), `data:image/webp;base64,${reply.dreamed}`, `The dream${at}`);
  find("compare").disabled = false;
  find("welcome").hidden = true;
  takeFilm(reply.film);
  shown = wanted;
  if (shown.time === look.time) find("upcoming").hidden = true;
  const trip = pipeline() === "zoom" ? [`What the trip dreams at ${clock(wanted.time)}, on what it starts from; the camera moves in the render.`] : [];
  tell([...trip, ...reply.notes, `${reply.seconds.toFixed(1)} s`].join(" · "));
}

function explain(error) {
  const rest = showMistakes(error.mistakes);
  const text = error.mistakes.length ? rest.map(([path, line]) => (path ? `${path}: ${line}` : line)).join(" ") : error.message;
  tell(text || "a setting does not fit; see the dials", true);
}

function tell(text, bad = false) {
  find("state").textContent = text;
  find("state").classList.toggle("bad", bad);
}
