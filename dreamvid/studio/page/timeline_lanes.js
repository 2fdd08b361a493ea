/** What lies under a timeline: the ruler, the sound with its beats, the shots, and lines at all of these. */

import { request } from "./api.js";
import { clock, find, make } from "./elements.js";
import { look, setTime } from "./look.js";
import { refresh, timeline } from "./timeline_state.js";

const SVG = "http://www.w3.org/2000/svg";
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds between ticks
const WIDEST_TICK = 70; // px
const NARROWEST_BEAT = 5; // px
const MOST_THUMBS = 60;
const POLL = 400; // ms

const found = {}; // by kind: key and result of the analyses that are shown

/** Return a new SVG element. */
export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return a picture as wide and high as its lane, whose coordinates are seconds across and 0 to 1 down. */
export const laneSvg = (...children) => draw("svg", { viewBox: `0 0 ${timeline.data.seconds} 1`, preserveAspectRatio: "none", "aria-hidden": "true", class: "curves" }, ...children);

/** Place an element at a time. */
export function placeAt(element, seconds, until = null) {
  const { seconds: length } = timeline.data;
  const share = (value) => `${(100 * Math.min(Math.max(value / length, 0), 1)).toFixed(4)}%`;
  element.style.left = share(seconds);
  if (until !== null) element.style.width = share(until - seconds);
  return element;
}

/** Return the time at a pointer over a lane. */
export function timeAt(event, lane) {
  const box = lane.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * timeline.data.seconds;
}

export const laneWidth = () => find("timeline-ruler").getBoundingClientRect().width;

/** Let a pointer on a lane move the playhead. */
export function movesPlayhead(lane) {
  const move = (event) => {
    const { rate, seconds } = timeline.data;
    setTime(Math.min(Math.round(timeAt(event, lane) * rate) / rate, Math.max(0, seconds - 1 / rate)));
  };
  let moving = false;
  lane.addEventListener("pointerdown", (event) => {
    moving = Boolean(timeline.data) && !event.button && !event.target.closest("button, [role=slider]");
    if (!moving) return;
    lane.setPointerCapture(event.pointerId);
    move(event);
  });
  lane.addEventListener("pointermove", (event) => { if (moving) move(event); });
  for (const name of ["pointerup", "pointercancel"]) lane.addEventListener(name, () => { moving = false; });
}

export function drawRuler() {
  const { seconds } = timeline.data;
  const width = laneWidth();
  const step = STEPS.find((each) => (each / seconds) * width >= WIDEST_TICK) ?? seconds;
  const ticks = [];
  for (let index = 0; index * step <= seconds + 1e-6; index += 1) {
    const isLast = index * step > seconds - step / 2;
    ticks.push(placeAt(make("span", { class: isLast ? "tick last" : "tick" }, clock(index * step)), index * step));
  }
  find("timeline-ruler").replaceChildren(...ticks);
}

/** Return the beats: those of the look's tempo, else those that are heard. */
export function beats() {
  const { grid, seconds } = timeline.data;
  if (!grid) return (found.sound?.result?.beats ?? []).filter((time) => time <= seconds).map((time) => ({ time, bar: false }));
  const count = Math.max(0, Math.floor((seconds - grid.first) / grid.period) + 1);
  return Array.from({ length: Math.min(count, 20_000) }, (_, index) => ({ time: grid.first + index * grid.period, bar: index % grid.beats_per_bar === 0 }));
}

export const cuts = () => (found.shots?.result?.cuts ?? []).filter((time) => time < timeline.data.seconds);

/** Return all moments that keyframes and borders snap to. */
export const snapPoints = () => [0, timeline.data.seconds, look.time, ...cuts(), ...beats().map((beat) => beat.time), ...timeline.data.scenes.map((scene) => scene.start)];

/** Draw lines at beats, cuts and scenes through all lanes. */
export function drawMarks() {
  const width = laneWidth();
  const { seconds, scenes } = timeline.data;
  const line = (time, name) => draw("line", { x1: time, x2: time, y1: 0, y2: 1, class: name });
  const all = beats();
  const bars = all.filter((beat) => beat.bar);
  const fits = (list) => (list.length * NARROWEST_BEAT <= width ? list : []);
  const shown = fits(all).length ? all : fits(bars);
  const marks = draw("svg", { viewBox: `0 0 ${seconds} 1`, preserveAspectRatio: "none", "aria-hidden": "true", class: "marks" });
  marks.append(...shown.map((beat) => line(beat.time, beat.bar ? "bar" : "beat")), ...cuts().map((time) => line(time, "cut")), ...scenes.slice(1).map((scene) => line(scene.start, "scene-start")));
  find("timeline-marks").replaceChildren(marks);
}

/** Draw the waveform, and say what is known of the beat. */
export function drawSound() {
  const lane = find("timeline-sound");
  const row = lane.parentElement;
  row.hidden = !timeline.data.analyses.sound;
  if (row.hidden) return;
  const sound = found.sound?.result;
  if (!sound || sound.error) {
    lane.replaceChildren(make("span", { class: "hint" }, sound ? sound.error : "listening…"));
  } else {
    const high = Math.max(0.05, ...sound.peaks);
    const up = sound.peaks.map((peak, index) => `${(index * sound.hop).toFixed(3)} ${(0.5 - (0.46 * peak) / high).toFixed(3)}`);
    const down = sound.peaks.map((peak, index) => `${(index * sound.hop).toFixed(3)} ${(0.5 + (0.46 * peak) / high).toFixed(3)}`).reverse();
    lane.replaceChildren(laneSvg(draw("path", { d: `M${[...up, ...down].join("L")}Z`, class: "wave" })));
  }
  const { grid, assumed } = timeline.data;
  const tempo = grid ? `${Number((60 / grid.period).toFixed(2))} BPM${assumed ? ", assumed" : ""}` : sound?.beats?.length ? `${sound.beats.length} beats` : sound && !sound.error ? "no beat" : "";
  find("timeline-beat").textContent = tempo;
}

/** Draw the shots, each with its first frame. */
export function drawShots() {
  const lane = find("timeline-shots");
  const row = lane.parentElement;
  const shots = found.shots?.result;
  row.hidden = !timeline.data.analyses.shots;
  if (row.hidden) return;
  const key = JSON.stringify([look.source, timeline.data.seconds, timeline.data.offset, shots ?? null]);
  if (lane.dataset.key === key) return;
  lane.dataset.key = key;
  find("timeline-shot-count").textContent = !shots || shots.error ? "" : shots.until !== null ? `known to ${clock(shots.until)}` : String(cuts().length + 1);
  if (!shots || shots.error) {
    lane.replaceChildren(make("span", { class: "hint" }, shots ? shots.error : "looking for cuts…"));
    return;
  }
  const borders = [0, ...cuts(), timeline.data.seconds];
  lane.replaceChildren(...borders.slice(0, -1).map((start, index) => {
    const time = timeline.data.offset + start + 0.5 / timeline.data.rate;
    const thumb = index < MOST_THUMBS ? make("img", { src: `/api/files/${look.source}/frame?time=${time.toFixed(3)}&longest=96`, alt: "", loading: "lazy", draggable: false }) : null;
    return placeAt(make("span", { class: "shot", title: `Shot ${index + 1}, from ${clock(start)}` }, thumb), start, borders[index + 1]);
  }));
}

/** Follow the analyses that the server names; `changed` is called when one has come. */
export function followAnalyses(changed) {
  for (const kind of ["sound", "shots", "signals"]) {
    const key = timeline.data.analyses[kind];
    if (found[kind]?.key === key) continue;
    found[kind] = { key, result: null };
    if (key) follow(kind, key, changed);
  }
}

async function follow(kind, key, changed) {
  while (found[kind].key === key) {
    let answer;
    try {
      answer = await request(`/api/timeline/analysis/${key}`);
    } catch (error) {
      answer = { error: error.message };
    }
    if (found[kind].key !== key) return;
    if (!answer.waiting) {
      found[kind].result = answer;
      if (kind !== "shots") refresh(); // curves may follow it
      changed();
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, POLL); });
  }
}
