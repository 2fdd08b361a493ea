/** The scenes of a look as blocks over time, whose borders and cross-fades are dragged. */

import { clock, find, make, say } from "./elements.js";
import { look } from "./look.js";
import { laneWidth, movesPlayhead, placeAt, snapPoints, timeAt } from "./timeline_lanes.js";
import { giveUp, isSelected, keep, select, snapped, timeline } from "./timeline_state.js";
import { timeText, unitOf } from "./timeline_values.js";

const FADE = 1; // s of the cross-fade into a new scene, where there is room for it
const TIMING = ["start", "transition", "ease"];
const SETS = ["model", "objective", "octaves", "ascent", "look", "stability", "camera"];

const parts = []; // elements of each scene
let drag = null;

const scenesOf = () => (timeline.draft ?? look.values).scenes ?? [];

export function buildScenes() {
  const lane = find("timeline-scenes");
  movesPlayhead(lane);
  find("timeline-scene-add").addEventListener("click", addScene);
  lane.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) lane.addEventListener(name, end);
}

/** Return what a scene is called. */
export const sceneName = (index) => `Scene ${index + 1}`;

/** Return what a scene has of its own, in a few words. */
function contentOf(scene) {
  const own = Object.keys(scene ?? {}).filter((key) => !TIMING.includes(key));
  return typeof scene?.objective === "string" ? scene.objective : own.length ? own.join(", ") : "as the look";
}

export function drawScenes() {
  const scenes = scenesOf();
  const lane = find("timeline-scenes");
  lane.parentElement.hidden = !scenes.length;
  while (parts.length > scenes.length) for (const element of Object.values(parts.pop())) element.remove();
  while (parts.length < scenes.length) parts.push(makeParts(parts.length, lane));
  scenes.forEach((scene, index) => {
    const span = timeline.data.scenes[index];
    if (!span) return;
    const { block, border, fade, ramp } = parts[index];
    const until = timeline.data.scenes[index + 1]?.start ?? timeline.data.seconds;
    placeAt(block, span.start, until);
    block.replaceChildren(make("b", {}, sceneName(index)), " ", contentOf(scene));
    block.title = contentOf(scene);
    block.setAttribute("aria-label", `${sceneName(index)}, ${contentOf(scene)}, from ${clock(span.start)} to ${clock(until)}`);
    block.setAttribute("aria-pressed", String(isSelected({ kind: "scene", index })));
    if (!index) return;
    placeAt(border, span.start);
    slide(border, span.start, timeline.data.scenes[index - 1].start, until, `${sceneName(index)} begins at ${clock(span.start)}`);
    placeAt(fade, span.start + span.fade);
    slide(fade, span.fade, 0, until - span.start, span.fade ? `Cross-fade of ${Number(span.fade.toFixed(2))} s` : "A cut");
    placeAt(ramp, span.start, span.start + span.fade);
  });
}

function slide(element, now, low, high, text) {
  for (const [name, value] of Object.entries({ "aria-valuenow": now.toFixed(3), "aria-valuemin": low.toFixed(3), "aria-valuemax": high.toFixed(3), "aria-valuetext": text })) element.setAttribute(name, value);
}

function makeParts(index, lane) {
  const block = make("button", { type: "button", class: "scene" });
  block.addEventListener("click", () => select({ kind: "scene", index }));
  lane.append(block);
  if (!index) return { block };
  const ramp = make("span", { class: "ramp", "aria-hidden": "true" });
  const border = make("span", { class: "border", role: "slider", tabIndex: 0, "aria-label": `Start of scene ${index + 1}` });
  const fade = make("span", { class: "fade", role: "slider", tabIndex: 0, "aria-label": `Cross-fade into scene ${index + 1}` });
  for (const [element, what] of [[border, "start"], [fade, "transition"]]) {
    element.addEventListener("pointerdown", (event) => begin(event, index, what, lane));
    element.addEventListener("keydown", (event) => press(event, index, what));
    element.addEventListener("focus", () => { if (!drag) select({ kind: "scene", index }); });
  }
  lane.append(ramp, border, fade);
  return { block, ramp, border, fade };
}

/** Change one value of a scene; undefined takes it out. */
export function changeScene(index, name, value, options = {}) {
  const scenes = scenesOf().map((scene, number) => {
    if (number !== index) return scene;
    const { [name]: _, ...rest } = scene;
    return value === undefined ? rest : { ...rest, [name]: value };
  });
  keep({ ...look.values, scenes }, { key: `timeline scene ${index} ${name}`, ...options });
}

/** Move a border, or the end of a cross-fade, to a time (seconds), as far as there is room. */
function moveTo(index, what, seconds, options) {
  const { scenes, rate, grid, seconds: length } = timeline.data;
  const span = scenes[index];
  const until = scenes[index + 1]?.start ?? length;
  if (what === "start") {
    const held = Math.min(Math.max(seconds, scenes[index - 1].start + 1 / rate), until - 1 / rate);
    const whole = { start: 0, end: length, first_beat: grid?.first ?? 0 };
    span.start = held;
    changeScene(index, "start", timeText(held, unitOf(scenesOf()[index].start), whole, timeline.data), options);
  } else {
    const held = Math.min(Math.max(seconds - span.start, 0), until - span.start);
    const unit = unitOf(scenesOf()[index].transition);
    const musical = grid && ["b", "bar"].includes(unit) ? grid.period * (unit === "bar" ? grid.beats_per_bar : 1) : 0;
    span.fade = held;
    const amount = Number((musical ? held / musical : held).toFixed(3));
    changeScene(index, "transition", amount ? `${amount}${musical ? unit : ""}` : undefined, options);
  }
  drawScenes();
}

function begin(event, index, what, lane) {
  if (event.button) return;
  event.preventDefault();
  event.stopPropagation();
  event.currentTarget.focus({ preventScroll: true });
  lane.setPointerCapture(event.pointerId);
  const span = timeline.data.scenes[index];
  const now = what === "start" ? span.start : span.start + span.fade;
  drag = { index, what, lane, away: now - timeAt(event, lane), x: event.clientX, moved: false, points: snapPoints().filter((point) => what !== "start" || point !== span.start) };
}

function move(event) {
  if (!drag || !drag.lane.hasPointerCapture(event.pointerId) || (!drag.moved && Math.abs(event.clientX - drag.x) < 3)) return;
  drag.moved = true;
  moveTo(drag.index, drag.what, snapped(timeAt(event, drag.lane) + drag.away, laneWidth(), drag.points), { dragging: true });
}

function end(event) {
  if (!drag) return;
  const { moved } = drag;
  const kept = timeline.draft;
  drag = null;
  if (!moved) return;
  if (event.type === "pointercancel") giveUp();
  else if (kept) keep(kept);
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !drag) return;
  drag = null;
  giveUp();
});

function press(event, index, what) {
  const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
  if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const { rate, scenes } = timeline.data;
  const now = scenes[index].start + (what === "start" ? 0 : scenes[index].fade);
  moveTo(index, what, Math.round((now + way * (event.shiftKey ? 1 : 1 / rate)) * rate) / rate);
}

function addScene() {
  const { scenes: spans, rate, seconds } = timeline.data;
  const at = Math.round(look.time * rate) / rate;
  const before = spans.findLastIndex((span) => span.start <= at + 1e-6);
  const until = spans[before + 1]?.start ?? seconds;
  if (at - spans[before].start < 0.5 / rate || until - at < 0.5 / rate) {
    say("Move the playhead to where the new scene is to begin.");
    return;
  }
  const scenes = look.values.scenes?.length ? [...look.values.scenes] : [{ start: "0s" }];
  const room = Math.min(FADE, Number(((until - at) / 2).toFixed(3)));
  scenes.splice(before + 1, 0, { start: `${Number(at.toFixed(3))}s`, transition: String(room) });
  keep({ ...look.values, scenes });
  select({ kind: "scene", index: before + 1 });
}

/** Remove a scene; the one before it goes on. Without others, there are no scenes. */
export function removeScene(index) {
  let scenes = look.values.scenes.filter((_, number) => number !== index);
  if (index === 0 && scenes.length) {
    const { transition: _, ease: __, ...rest } = scenes[0];
    scenes = [{ ...rest, start: "0s" }, ...scenes.slice(1)];
  }
  if (scenes.length === 1 && Object.keys(scenes[0]).every((key) => TIMING.includes(key))) scenes = [];
  const { scenes: _, ...others } = look.values;
  timeline.selected = null;
  keep(scenes.length ? { ...others, scenes } : others);
  find("timeline-scene-add").focus();
}

/** Give a scene all that a preset of the shelf says; its timing stays. */
export function takePreset(index, name) {
  const values = name ? timeline.presets.find((preset) => preset.name === name).values : {};
  const scenes = look.values.scenes.map((scene, number) => {
    if (number !== index) return scene;
    const timing = Object.fromEntries(Object.entries(scene).filter(([key]) => TIMING.includes(key)));
    return { ...timing, ...Object.fromEntries(SETS.filter((key) => key in values).map((key) => [key, values[key]])) };
  });
  keep({ ...look.values, scenes });
}
