/** The keyframes of a timeline: added, moved, changed and taken away; the selected one is the one that changed last. */

import { find, say } from "./elements.js";
import { look } from "./look.js";
import { fieldOf, keep, labelOf, rowOf, select, setKeys, timeline } from "./timeline_state.js";
import { isSchedule, readAt, segmentAt, timeText, valueIn, writeAt } from "./timeline_values.js";

const MOST_TRIES = 100;

/** Return the scene that a segment of a row lies in. */
export const sceneOf = (segment) => timeline.data.scenes[segment.scene];
/** Return a value that the field takes. */
export const tidy = (path, value) => {
  const field = fieldOf(path);
  const held = Math.min(Math.max(value, field?.min ?? -Infinity), field?.max ?? Infinity);
  return field?.whole ? Math.round(held) : Number(held.toPrecision(4));
};

/** Return a value that a hand gave, in steps of the field's slider. */
export const stepped = (path, value) => {
  const step = fieldOf(path)?.step ?? 0.01;
  return tidy(path, Math.round(value / step) * step);
};

/** Add a keyframe at a time; without a value, what the curve has there. */
export function addKey(path, seconds, value) {
  const segment = segmentAt(rowOf(path)?.segments, seconds);
  if (!segment) return;
  if (segment.kind !== "keyframes" && segment.kind !== "constant") {
    say(`${labelOf(path)} is an expression here; change its text, or make it constant first.`);
    select({ kind: "row", path, scene: segment.scene });
    return;
  }
  const keys = segment.keys ?? [];
  const unit = keys[0] && keys[0].unit !== "%" ? keys[0].unit : "s";
  const time = timeText(seconds, unit, sceneOf(segment), timeline.data);
  const there = keys.find((key) => key.time === time || Math.abs(key.seconds - seconds) < 1e-4);
  if (there) {
    select({ kind: "key", path, scene: segment.scene, index: keys.indexOf(there) });
    return;
  }
  const before = keys.filter((key) => key.seconds <= seconds).at(-1) ?? keys[0];
  const after = keys.find((key) => key.seconds > seconds);
  const outside = keys.length && (!after || before.seconds > seconds) ? before.value : undefined; // where the curve is level
  const shown = path === "objective" ? before?.value ?? objectiveToStart(segment.text) : tidy(path, outside ?? valueIn(segment, seconds) ?? before.value);
  const key = { time, unit, seconds, value: value ?? shown, ease: null };
  setKeys(path, segment, [...keys, key], { active: key });
}

/** Let a setting change over time, with one keyframe at the playhead; `owner` is a scene, null the whole look. */
export function startSchedule(path, owner = null) {
  const scene = timeline.data?.scenes[owner ?? 0] ?? { start: 0, end: 0, first_beat: 0 };
  if (owner === null && isSchedule(readAt(look.values, null, path)) && (fieldOf(path).scheduled || typeof readAt(look.values, null, path) === "object")) return;
  const seconds = Math.min(Math.max(look.time, scene.start), scene.end || look.time);
  const time = owner === null && look.values.scenes?.length > 1 ? "0s" : timeText(seconds, "s", scene, { rate: 24 });
  const first = path === "objective" ? objectiveToStart(objectiveAt(owner, seconds)) : numberAt(path, owner, seconds);
  keep(writeAt(look.values, owner, path, { [time]: first }));
  select({ kind: "key", path, scene: owner ?? 0, index: 0 });
}

/** Return what a setting is at a time, or else its constant. */
function numberAt(path, owner, seconds) {
  const segments = rowOf(path)?.segments;
  const shown = segments && valueIn(segments[owner ?? 0] ?? segments[0], seconds);
  const value = [shown, readAt(look.values, owner, path), readAt(look.values, null, path), fieldOf(path).default].find((each) => each !== null && each !== undefined && Number.isFinite(Number(each)));
  return tidy(path, Number(value ?? 0));
}

/** Return the objective of a time: that of the keyframe before it, or the constant one. */
function objectiveAt(owner, seconds) {
  const segments = rowOf("objective")?.segments ?? [];
  const segment = segments[owner ?? 0];
  const key = segment?.keys?.filter((each) => each.seconds <= seconds + 1e-6).at(-1) ?? segment?.keys?.[0];
  return key?.value ?? readAt(look.values, owner, "objective") ?? readAt(look.values, null, "objective");
}

/** Return an objective that keyframes take: what `auto` stands for is not known before the network is loaded. */
function objectiveToStart(text) {
  const known = timeline.suggestions[look.values.model?.name ?? "dreamnet"] ?? [];
  return typeof text === "string" && !["auto", ""].includes(text.trim()) ? text : known[0] ?? "mixed3";
}

/** Take a keyframe away; with the last one, its value stays as a constant. */
export function removeKey(path, segment, index) {
  const [removed] = segment.keys.slice(index);
  const rest = segment.keys.filter((_, number) => number !== index);
  if (rest.length) {
    setKeys(path, segment, rest, { active: rest[Math.min(index, rest.length - 1)] });
    return;
  }
  timeline.selected = null;
  keep(writeAt(look.values, segment.owner, path, removed.value));
  find("timeline-add").focus();
}

/** Replace one keyframe, where its time is free; return whether it was. */
export function changeKey(path, segment, index, changes, { dragging = false, sort = !dragging, merges = false } = {}) {
  const key = { ...segment.keys[index], ...changes };
  if (segment.keys.some((other, number) => number !== index && other.time === key.time)) return false;
  setKeys(path, segment, segment.keys.map((other, number) => (number === index ? key : other)), { active: key, dragging, sort, merges });
  return true;
}

/** Move a keyframe by a frame or a second, or by a quarter of a beat or a bar; over others that are in the way. */
export function stepTime(path, segment, index, way, far) {
  const { rate, grid, seconds: length } = timeline.data;
  const key = segment.keys[index];
  const scene = sceneOf(segment);
  const musical = grid && ["b", "bar"].includes(key.unit);
  const step = musical ? grid.period * (far ? grid.beats_per_bar : 0.25) : far ? 1 : 1 / rate;
  let seconds = key.seconds;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const next = musical ? seconds + way * step : Math.round((seconds + way * step) * rate) / rate;
    seconds = Math.min(Math.max(next, scene.start), Math.min(scene.end, length));
    const time = timeText(seconds, key.unit, scene, timeline.data);
    if (time === key.time) return;
    if (changeKey(path, segment, index, { seconds, time }, { merges: true })) return;
  }
}

/** Change the value of a keyframe by steps of its field. */
export function stepValue(path, segment, index, steps) {
  if (path === "objective") return;
  const key = segment.keys[index];
  changeKey(path, segment, index, { value: tidy(path, key.value + steps * (fieldOf(path).step ?? 0.01)) }, { merges: true });
}
