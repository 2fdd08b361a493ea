/** The timeline that is shown: what the server says of the look over time, what is selected, and how edits are kept. */

import { post } from "./api.js";
import { later } from "./elements.js";
import { look, replaceLook } from "./look.js";
import { trackOf, writeAt } from "./timeline_values.js";

const MOMENTS = 300; // of a scene, at which curves are drawn
const MOST_MOMENTS = 2000;

export const timeline = { data: null, fields: [], suggestions: {}, presets: [], selected: null, draft: null, mistakes: [], zoom: 1, snaps: true, open: false };

const listeners = new Set();
let busy = false;
let again = false;

/** Call a function whenever the timeline is to be drawn anew. */
export const onTimeline = (listener) => listeners.add(listener);
export const draw = () => { for (const listener of listeners) listener(); };

const current = () => timeline.draft ?? look.values;

/** Ask for the look over time; while one answer is under way, only the newest other one is asked for. */
export const refresh = later(30, ask);

async function ask() {
  if (!timeline.open) return;
  if (busy) { again = true; return; }
  busy = true;
  const asked = { values: current(), source: look.source };
  try {
    const moments = Math.min(MOST_MOMENTS, Math.round(MOMENTS * timeline.zoom));
    const reply = await post("/api/timeline", { ...asked, time: look.time, moments });
    timeline.mistakes = [];
    if (asked.values === current() && asked.source === look.source) timeline.data = reply;
    else if (timeline.data) takeCurves(reply);
  } catch (error) {
    if (asked.source !== look.source) timeline.data = null;
    timeline.mistakes = error.mistakes.length ? error.mistakes : [["", error.message]];
  }
  busy = false;
  draw();
  if (again) { again = false; ask(); }
}

/** Take the curves of an answer that is no longer the newest; the keyframes have moved on. */
function takeCurves(reply) {
  for (const row of reply.rows) {
    const shown = timeline.data.rows.find((each) => each.path === row.path);
    row.segments.forEach((segment, index) => {
      const old = shown?.segments[index];
      if (old) Object.assign(old, { values: segment.values, terms: segment.terms });
    });
  }
}

export const rowOf = (path) => timeline.data?.rows.find((row) => row.path === path);
export const fieldOf = (path) => timeline.fields.find((field) => field.path === path);

/** Return what a setting is called; with its group, where others are called the same. */
export function labelOf(path) {
  const field = fieldOf(path);
  const others = timeline.fields.filter((each) => each.label === field.label && (each.scheduled || each.path === "objective"));
  return others.length > 1 ? `${field.group}: ${field.label.toLowerCase()}` : field.label;
}

export function select(selected) {
  timeline.selected = selected;
  draw();
}

export const isSelected = (what) => timeline.selected !== null && Object.entries(what).every(([name, value]) => timeline.selected[name] === value);

/** Keep a changed look: as one step of undo, or, while something is dragged, only to look at. */
export function keep(values, { dragging = false, key = "" } = {}) {
  if (dragging) {
    timeline.draft = values;
    refresh();
    return;
  }
  timeline.draft = null;
  replaceLook({ values }, key);
}

/** Give up what is dragged. */
export function giveUp() {
  timeline.draft = null;
  refresh();
}

/** Replace the keyframes of a segment; the one that is `active` stays selected. What `merges` is one step of undo with the same before. */
export function setKeys(path, segment, keys, { ease = segment.ease ?? null, active = null, sort = true, dragging = false, merges = false } = {}) {
  const kept = sort ? [...keys].sort((a, b) => a.seconds - b.seconds) : keys;
  Object.assign(segment, { kind: "keyframes", keys: kept, ease });
  if (active) timeline.selected = { kind: "key", path, scene: segment.scene, index: kept.indexOf(active) };
  keep(writeAt(look.values, segment.owner, path, trackOf(kept, ease)), { dragging, key: merges ? `timeline ${path} ${segment.owner}` : "" });
  draw();
}

/** Return the nearest moment that something is at (seconds), or else the frame's. */
export function snapped(seconds, width, points) {
  const { rate, seconds: length } = timeline.data;
  const frame = Math.min(Math.max(Math.round(seconds * rate) / rate, 0), length);
  if (!timeline.snaps) return frame;
  const near = (7 * length) / Math.max(width, 1);
  let best = frame;
  let distance = near;
  for (const point of points) {
    if (Math.abs(point - seconds) < distance) [best, distance] = [point, Math.abs(point - seconds)];
  }
  return best;
}
