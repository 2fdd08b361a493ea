/** What is selected on the timeline, to be typed: time, value and easing of a keyframe, a schedule's text, a scene. */

import { find, make, say } from "./elements.js";
import { look, pipeline } from "./look.js";
import { changeKey, removeKey } from "./timeline_keys.js";
import { focusKey } from "./timeline_rows.js";
import { changeScene, removeScene, sceneName, takePreset } from "./timeline_scenes.js";
import { fieldOf, keep, labelOf, rowOf, setKeys, timeline } from "./timeline_state.js";
import { readAt, scheduleText, typedTime, valueIn, writeAt } from "./timeline_values.js";

const CURVE = "bezier";

export function buildEdit() {
  const takes = (id, take) => find(id).addEventListener("change", () => { take(find(id)); });
  takes("timeline-key-time", (box) => takeTime(box));
  takes("timeline-key-value", (box) => takeValue(box));
  takes("timeline-key-ease", (box) => takeEase(box, find("timeline-key-curve"), (ease) => { const { path, segment, index } = selectedKey(); changeKey(path, segment, index, { ease }, { sort: false }); }));
  takes("timeline-key-curve", (box) => { const { path, segment, index } = selectedKey(); changeKey(path, segment, index, { ease: box.value.trim() || null }, { sort: false }); });
  takes("timeline-row-ease", (box) => takeEase(box, find("timeline-row-curve"), setRowEase));
  takes("timeline-row-curve", (box) => setRowEase(box.value.trim() || null));
  takes("timeline-text", (box) => { const { path, owner } = selectedRow(); keep(writeAt(look.values, owner, path, box.value.trim() || undefined)); });
  find("timeline-key-delete").addEventListener("click", () => { const { path, segment, index } = selectedKey(); removeKey(path, segment, index); focusKey(); });
  find("timeline-row-stop").addEventListener("click", stopRow);
  for (const id of ["timeline-key-time", "timeline-key-value"]) {
    find(id).addEventListener("keydown", (event) => { if (event.key === "Escape") focusKey(); });
  }
  takes("timeline-scene-start", (box) => changeScene(timeline.selected.index, "start", typedTime(box.value)));
  takes("timeline-scene-fade", (box) => changeScene(timeline.selected.index, "transition", box.value.trim() || undefined));
  takes("timeline-scene-ease", (box) => changeScene(timeline.selected.index, "ease", box.value === "in-out" ? undefined : box.value));
  takes("timeline-scene-objective", (box) => changeScene(timeline.selected.index, "objective", box.value.trim() || undefined));
  takes("timeline-scene-preset", (box) => takePreset(timeline.selected.index, box.value));
  find("timeline-scene-delete").addEventListener("click", () => removeScene(timeline.selected.index));
}

function selectedRow() {
  const { path, scene } = timeline.selected;
  const segment = rowOf(path)?.segments[scene];
  return { path, segment, owner: segment?.owner ?? null };
}

function selectedKey() {
  const { index } = timeline.selected;
  return { ...selectedRow(), index };
}

function takeTime(box) {
  const { path, segment, index } = selectedKey();
  const time = typedTime(box.value);
  if (!time || time === "ease") { drawEdit(); return; }
  if (!changeKey(path, segment, index, { time }, { sort: false })) {
    say(`There is a keyframe at ${time} already.`);
    drawEdit(true);
  }
}

function takeValue(box) {
  const { path, segment, index } = selectedKey();
  const text = box.value.trim();
  const value = path === "objective" ? text : Number(text);
  if (text === "" || (path !== "objective" && !Number.isFinite(value))) {
    say(text === "" ? "A keyframe needs a value." : `${text} is no number.`);
    drawEdit(true);
    return;
  }
  changeKey(path, segment, index, { value }, { sort: false });
}

/** Take an easing that was chosen; `bezier` opens the box for its four numbers. */
function takeEase(box, curve, set) {
  curve.hidden = box.value !== CURVE;
  if (box.value === CURVE) {
    if (!curve.value) curve.value = "bezier(0.2, 0, 0.1, 1)";
    set(curve.value);
    curve.focus();
  } else set(box.value || null);
}

function setRowEase(ease) {
  const { path, segment } = selectedRow();
  const key = timeline.selected.kind === "key" ? segment.keys[timeline.selected.index] : null;
  setKeys(path, segment, segment.keys, { ease, active: key, sort: false });
}

/** Make a setting constant: what it is at the playhead. */
function stopRow() {
  const { path, segment, owner } = selectedRow();
  const shown = segment && valueIn(segment, look.time);
  const key = segment?.keys?.filter((each) => each.seconds <= look.time + 1e-6).at(-1) ?? segment?.keys?.[0];
  const value = path === "objective" ? key?.value : shown === undefined ? undefined : Number(shown.toPrecision(4));
  timeline.selected = null;
  keep(writeAt(look.values, owner, path, fieldOf(path)?.whole && value !== undefined ? Math.round(value) : value));
  find("timeline-add").focus();
}

/** Show what is selected; boxes that are typed in are left alone, unless `all` are to be shown. */
export function drawEdit(all = false) {
  const { kind, path, index } = timeline.selected ?? {};
  const { segment, owner } = path ? selectedRow() : {};
  const key = kind === "key" ? segment?.keys?.[index] : null;
  const show = (id, value) => { if (all || document.activeElement !== find(id)) find(id).value = value; };
  find("timeline-edit-key").hidden = !key;
  find("timeline-edit-row").hidden = !path;
  find("timeline-edit-scene").hidden = kind !== "scene" || !look.values.scenes?.[index];
  find("timeline-none").hidden = Boolean(timeline.selected);
  if (key) {
    show("timeline-key-time", key.time);
    show("timeline-key-value", key.value);
    find("timeline-key-value").inputMode = path === "objective" ? "text" : "decimal";
    if (path === "objective") find("timeline-key-value").setAttribute("list", "objectives");
    else find("timeline-key-value").removeAttribute("list");
    showEase("timeline-key", key.ease, show);
  }
  if (path) showRow(path, segment, owner, show);
  if (kind === "scene" && look.values.scenes?.[index]) showScene(index, show);
}

function showRow(path, segment, owner, show) {
  const where = owner !== null ? ` in ${sceneName(owner).toLowerCase()}` : timeline.data?.scenes.length > 1 ? ", all scenes" : "";
  find("timeline-row-name").textContent = `${labelOf(path)}${where}`;
  show("timeline-text", scheduleText(readAt(look.values, owner, path)));
  const has = segment?.kind === "keyframes";
  for (const element of document.querySelectorAll("#timeline-edit-row .of-keys")) element.hidden = !has;
  if (has) showEase("timeline-row", segment.ease, show);
  const own = timeline.mistakes.filter(([place]) => place.includes(path)).map(([, text]) => text);
  find("timeline-text-mistake").textContent = own[0] ?? segment?.problem ?? "";
}

function showEase(prefix, ease, show) {
  const text = Array.isArray(ease) ? `bezier(${ease.join(", ")})` : ease ?? "";
  const named = timeline.data.easings.includes(text) || text === "";
  find(`${prefix}-ease`).value = named ? text : CURVE;
  find(`${prefix}-curve`).hidden = named;
  show(`${prefix}-curve`, named ? "" : text);
}

function showScene(index, show) {
  const scene = look.values.scenes[index];
  find("timeline-scene-name").textContent = sceneName(index);
  show("timeline-scene-start", scene.start ?? "0s");
  show("timeline-scene-fade", scene.transition ?? "");
  find("timeline-scene-ease").value = typeof scene.ease === "string" ? scene.ease : "in-out";
  show("timeline-scene-objective", scheduleText(scene.objective));
  for (const element of document.querySelectorAll("#timeline-edit-scene .of-later")) element.hidden = index === 0;
}

/** Fill the choices of easings and presets. */
export function fillChoices() {
  const { easings } = timeline.data;
  if (find("timeline-row-ease").options.length > 1) return;
  const options = (names) => names.map((name) => make("option", { value: name }, name));
  find("timeline-key-ease").replaceChildren(make("option", { value: "" }, "as the row"), ...options(easings), make("option", { value: CURVE }, "a curve…"));
  find("timeline-row-ease").replaceChildren(make("option", { value: "" }, "linear"), ...options(easings.filter((name) => name !== "linear")), make("option", { value: CURVE }, "a curve…"));
  find("timeline-scene-ease").replaceChildren(...options(easings));
}

/** Offer the presets that a scene of this kind of film can take. */
export function fillPresets() {
  const box = find("timeline-scene-preset");
  if (box.dataset.key === pipeline()) return;
  box.dataset.key = pipeline();
  const fitting = timeline.presets.filter((preset) => preset.pipeline === pipeline() || preset.pipeline === "image");
  box.replaceChildren(make("option", { value: "" }, "as the look"), ...fitting.map((preset) => make("option", { value: preset.name }, preset.name)));
}
