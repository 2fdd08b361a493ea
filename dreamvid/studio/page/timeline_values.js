/** Schedules within the values of a look: read, written, and told as YAML tells them. */

import { valueAt, withValue } from "./look.js";

/** Return whether a value changes over time: keyframes, or a text that is no number. */
export const isSchedule = (value) => (typeof value === "object" && value !== null) || (typeof value === "string" && Number.isNaN(Number(value)));

const changes = (path, value) => (path === "objective" ? (typeof value === "object" && value !== null) || /^\s*\{/.test(value ?? "") : isSchedule(value));

/** Return a setting of the look, or of one of its scenes (`owner`, from 0; null is the look). */
export const readAt = (values, owner, path) => valueAt(path, owner === null ? values : values.scenes?.[owner] ?? {});

export function writeAt(values, owner, path, value) {
  if (owner === null) return withValue(values, path, value);
  return { ...values, scenes: values.scenes.map((scene, index) => (index === owner ? withValue(scene, path, value) : scene)) };
}

/** Return the paths of what changes over time in a look, in the order of the fields. */
export function changingPaths(values, fields) {
  const owners = [null, ...(values.scenes ?? []).keys()];
  return fields
    .filter((field) => field.scheduled || field.path === "objective")
    .map((field) => field.path)
    .filter((path) => owners.some((owner) => changes(path, readAt(values, owner, path))));
}

/** Return keyframes as a look holds them; `ease` of null is linear, that of a keyframe the track's. */
export function trackOf(keys, ease) {
  const entries = keys.map((key) => [key.time, key.ease === null ? key.value : { value: key.value, ease: key.ease }]);
  return Object.fromEntries(ease === null ? entries : [...entries, ["ease", ease]]);
}

const BARE = /^[A-Za-z_0-9][\w.%-]*$/;
const NO_TEXTS = /^(true|false|null|~|[-+.\d].*)$/i;

/** Return a value in YAML's short form. */
export function flow(value, isKey = false) {
  if (Array.isArray(value)) return `[${value.map((each) => flow(each)).join(", ")}]`;
  if (value !== null && typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${flow(key, true)}: ${flow(each)}`).join(", ")}}`;
  if (typeof value !== "string") return JSON.stringify(value ?? null);
  return BARE.test(value) && (isKey ? !/^[\d.]+$/.test(value) : !NO_TEXTS.test(value)) ? value : JSON.stringify(value);
}

/** Return the text of a schedule: an expression or a typed text as it is. */
export const scheduleText = (value) => (value === undefined || value === null ? "" : typeof value === "object" ? flow(value) : String(value));

const short = (number, digits) => String(Number(number.toFixed(digits)));

/** Return a moment (seconds in the film) as a time of a scene in a unit: s, f, %, b or bar. */
export function timeText(seconds, unit, scene, { rate, grid }) {
  const inScene = Math.max(0, seconds - scene.start);
  if (unit === "f") return `${Math.round(inScene * rate)}f`;
  if (unit === "%") {
    const percent = Math.min(100, (100 * inScene) / Math.max(scene.end - scene.start, 1e-9));
    return percent > 99.995 ? "end" : `${short(percent, 2)}%`;
  }
  if ((unit === "b" || unit === "bar") && grid) {
    const length = grid.period * (unit === "bar" ? grid.beats_per_bar : 1);
    return `${short(Math.max(0, (seconds - scene.first_beat) / length), 3)}${unit}`;
  }
  return `${short(inScene, 3)}s`;
}

/** Return a time as it was typed, with its unit where that was left out. */
export const typedTime = (text) => (/^\d+(\.\d*)?$/.test(text.trim()) ? `${text.trim()}s` : text.trim());

export const unitOf = (text) => (String(text ?? "").trim() === "end" ? "%" : /(bars?|beats?|[sf%b])?$/.exec(String(text ?? "").trim().toLowerCase())[0].replace(/^beats?$/, "b").replace(/^bars$/, "bar") || "s");

/** Return a value along evenly spaced ones at a time. */
export function valueIn(segment, seconds) {
  const { values, start, end } = segment;
  if (!values?.length) return undefined;
  const place = Math.min(Math.max((seconds - start) / Math.max(end - start, 1e-9), 0), 1) * (values.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, values.length - 1);
  return values[low] + (values[high] - values[low]) * (place - low);
}

/** Return the segment that shows at a time: the last one that has begun. */
export const segmentAt = (segments, seconds) => segments?.findLast((segment) => segment.start <= seconds + 1e-6) ?? segments?.[0];
