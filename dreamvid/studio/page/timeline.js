/** The timeline under the picture: what changes over time, over the sound, the beats and the shots of the clip. */

import { find, make } from "./elements.js";
import { look, onChange, pipeline } from "./look.js";
import { buildEdit, drawEdit, fillChoices, fillPresets } from "./timeline_edit.js";
import { drawMarks, drawRuler, drawShots, drawSound, followAnalyses, movesPlayhead } from "./timeline_lanes.js";
import { addKey, startSchedule } from "./timeline_keys.js";
import { drawRows, drawValues, focusKeySoon } from "./timeline_rows.js";
import { buildScenes, drawScenes, sceneName } from "./timeline_scenes.js";
import { fieldOf, onTimeline, refresh, timeline } from "./timeline_state.js";
import { changingPaths, readAt, isSchedule } from "./timeline_values.js";

export function buildTimeline(studio) {
  Object.assign(timeline, { fields: studio.fields, suggestions: studio.suggestions, presets: studio.presets });
  find("timeline-toggle").addEventListener("click", () => open(!timeline.open));
  find("timeline-zoom").addEventListener("input", zoom);
  find("timeline-snap").addEventListener("change", () => { timeline.snaps = find("timeline-snap").checked; });
  find("timeline-add").addEventListener("change", add);
  for (const id of ["timeline-ruler", "timeline-sound", "timeline-shots"]) movesPlayhead(find(id));
  buildScenes();
  buildEdit();
  onTimeline(drawAll);
  onChange((what) => {
    if (what === "time") showPlayhead();
    else changed(what);
  });
  addEventListener("resize", () => { if (timeline.open && timeline.data) drawAll(); });
  changed();
}

/** Let a setting change over time: a row with a keyframe at the playhead, and the timeline open. */
export function changeOverTime(path) {
  open(true);
  startSchedule(path);
}

function open(is) {
  timeline.open = is;
  find("timeline-toggle").setAttribute("aria-expanded", String(is));
  find("timeline").classList.toggle("open", is);
  find("timeline-body").hidden = find("timeline-tools").hidden = !is;
  if (is) refresh();
}

function changed(what = "") {
  if (what === "source") { timeline.data = null; timeline.selected = null; }
  find("timeline").hidden = pipeline() === "image" || (!look.source && pipeline() !== "zoom");
  refresh();
}

function zoom() {
  timeline.zoom = Number(find("timeline-zoom").value);
  find("timeline-lanes").style.setProperty("--zoom", timeline.zoom);
  find("timeline-zoom").setAttribute("aria-valuetext", `${timeline.zoom} times`);
  if (!timeline.data) return;
  drawAll();
  const lanes = find("timeline-lanes");
  lanes.scrollLeft = (look.time / timeline.data.seconds) * lanes.scrollWidth - lanes.clientWidth / 2;
  refresh();
}

function drawAll() {
  const { path } = timeline.selected ?? {};
  const changing = changingPaths(timeline.draft ?? look.values, timeline.fields);
  if (path && !changing.includes(path)) timeline.selected = null;
  const rest = timeline.mistakes.filter(([place]) => !changing.some((each) => place.includes(each)));
  const text = [...rest.map(([place, line]) => (place ? `${place}: ${line}` : line)), ...(timeline.mistakes.length ? [] : timeline.data?.notes ?? [])].join(" · ");
  find("timeline-state").textContent = text;
  find("timeline-state").classList.toggle("bad", timeline.mistakes.length > 0);
  if (!timeline.data) { find("timeline-rows").replaceChildren(); return; }
  fillChoices();
  fillPresets();
  fillAdd();
  followAnalyses(() => { if (timeline.data) drawUnder(); });
  drawUnder();
  drawScenes();
  drawRows();
  drawEdit();
  showPlayhead();
}

function drawUnder() {
  drawRuler();
  drawSound();
  drawShots();
  drawMarks();
}

function showPlayhead() {
  if (!timeline.data) return;
  find("timeline-lanes").style.setProperty("--at", `${(100 * Math.min(look.time / timeline.data.seconds, 1)).toFixed(3)}%`);
  drawValues();
}

/** Offer the settings that may change over time, and where, in films of several scenes. */
function fillAdd() {
  const fitting = timeline.fields.filter((field) => (field.scheduled || field.path === "objective") && field.pipelines.includes(pipeline()));
  const scenes = look.values.scenes?.length ?? 0;
  const box = find("timeline-add");
  const key = `${pipeline()} ${scenes}`;
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const groups = new Map();
  for (const field of fitting) groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  box.replaceChildren(
    make("option", { value: "" }, "choose…"),
    ...[...groups].map(([label, fields]) => make("optgroup", { label }, ...fields.map((field) => make("option", { value: field.path }, field.label)))),
  );
  const where = find("timeline-where");
  find("timeline-where-label").hidden = !scenes;
  where.replaceChildren(make("option", { value: "" }, "all scenes"), ...Array.from({ length: scenes }, (_, index) => make("option", { value: index }, sceneName(index).toLowerCase())));
}

function add() {
  const path = find("timeline-add").value;
  const where = find("timeline-where").value;
  find("timeline-add").value = "";
  if (!path) return;
  const owner = where === "" ? null : Number(where);
  if (isSchedule(readAt(look.values, owner, path)) && fieldOf(path).scheduled) addKey(path, look.time);
  else startSchedule(path, owner);
  focusKeySoon();
}
