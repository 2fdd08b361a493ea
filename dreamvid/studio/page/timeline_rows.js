/** The rows of a timeline: each a setting that changes over time, with its curve and keyframes to drag. */

import { find, make } from "./elements.js";
import { look } from "./look.js";
import { draw as svg, laneSvg, laneWidth, movesPlayhead, placeAt, snapPoints, timeAt } from "./timeline_lanes.js";
import { addKey, changeKey, removeKey, sceneOf, stepped, stepTime, stepValue } from "./timeline_keys.js";
import { fieldOf, giveUp, isSelected, labelOf, rowOf, select, snapped, timeline } from "./timeline_state.js";
import { changingPaths, segmentAt, timeText, valueIn } from "./timeline_values.js";

const TOP = 0.14; // of a lane's height, above the highest value; as much is below the lowest
const NEAR = 3; // px that a pointer moves before it drags
const TINTS = 6;
const NARROWEST = 14; // px of the text beside a keyframe of an objective

const rows = new Map(); // elements by path
let drag = null;
let focusWaits = false;

/** Draw all rows; those that are there already keep their elements, so that the focus stays. */
export function drawRows() {
  const paths = changingPaths(timeline.draft ?? look.values, timeline.fields);
  for (const [path, row] of rows) if (!paths.includes(path)) { row.element.remove(); rows.delete(path); }
  for (const path of paths) if (!rows.has(path)) rows.set(path, makeRow(path));
  const elements = paths.map((path) => rows.get(path).element);
  if (elements.some((element, index) => find("timeline-rows").children[index] !== element)) find("timeline-rows").replaceChildren(...elements);
  for (const path of paths) drawRow(path, rows.get(path));
  if (focusWaits && focusKey()) focusWaits = false;
}

/** Put the focus on the selected keyframe as soon as it is drawn. */
export function focusKeySoon() { focusWaits = !focusKey(); }

/** Show what each setting is at the playhead. */
export function drawValues() {
  for (const [path, row] of rows) {
    const segment = segmentAt(rowOf(path)?.segments, look.time);
    const value = path === "objective" ? undefined : segment && valueIn(segment, look.time);
    row.value.textContent = value === undefined ? "" : String(Number(value.toPrecision(3)));
  }
}

function makeRow(path) {
  const label = labelOf(path);
  const name = make("button", { type: "button", class: "quiet name", "aria-pressed": "false" }, label);
  const value = make("output", { class: "unit" });
  const add = make("button", { type: "button", class: "quiet add", "aria-label": `Add a keyframe of ${label} at the playhead`, title: "Add a keyframe" }, "+");
  const mistake = make("p", { class: "mistake" });
  const lane = make("div", { class: "lane keys" });
  const element = make("div", { class: "lane-row", role: "group", "aria-label": `${label} over time` }, make("div", { class: "lane-label" }, name, value, add, mistake), lane);
  element.dataset.path = path;
  name.addEventListener("click", () => select({ kind: "row", path, scene: segmentAt(rowOf(path)?.segments, look.time)?.scene ?? 0 }));
  add.addEventListener("click", () => { addKey(path, look.time); focusKey(); });
  movesPlayhead(lane);
  lane.addEventListener("dblclick", (event) => {
    if (event.target.closest(".key")) return;
    const seconds = snapped(timeAt(event, lane), laneWidth(), snapPoints().filter((point) => point !== look.time));
    addKey(path, seconds, path === "objective" ? undefined : valueAtY(event, lane, path));
    focusKey();
  });
  lane.addEventListener("pointerdown", (event) => begin(event, path, lane));
  lane.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) lane.addEventListener(name, end);
  lane.addEventListener("keydown", (event) => press(event, path));
  return { element, name, value, mistake, lane, keys: [], label };
}

function drawRow(path, row) {
  const segments = rowOf(path)?.segments ?? [];
  row.name.setAttribute("aria-pressed", String(timeline.selected?.path === path));
  const own = timeline.mistakes.filter(([place]) => place === path || place.startsWith(`${path}.`) || new RegExp(`^scenes\\.\\d+\\.${path.replace(".", "\\.")}(\\.|$)`).test(place)).map(([, text]) => text);
  row.mistake.textContent = [...own, ...segments.map((segment) => segment.problem)].find(Boolean) ?? "";
  row.element.classList.toggle("wrong", Boolean(row.mistake.textContent));
  const range = drag?.path === path ? drag.range : rangeOf(path, segments);
  row.range = range;
  const curves = laneSvg(...segments.flatMap((segment) => (path === "objective" ? areas(segment) : [curve(segment, range)])));
  row.lane.querySelector(":scope > svg")?.remove();
  row.lane.prepend(curves);
  drawKeys(path, row, segments, range);
}

/** Return the range of a lane's values: that of the field's slider, wider where values are beyond it. */
function rangeOf(path, segments) {
  const field = fieldOf(path);
  const values = segments.flatMap((segment) => [...(segment.values ?? []), ...(segment.keys ?? []).map((key) => key.value)]).filter(Number.isFinite);
  const [low, high] = field?.usual ?? [null, null];
  const range = [Math.min(low ?? Infinity, ...values), Math.max(high ?? -Infinity, ...values)];
  if (!Number.isFinite(range[0]) || !Number.isFinite(range[1])) return [0, 1];
  return range[0] === range[1] ? [range[0] - 0.5, range[1] + 0.5] : range;
}

const heightOf = (value, [low, high]) => TOP + (1 - 2 * TOP) * (1 - (value - low) / (high - low));

function curve(segment, range) {
  const values = segment.values ?? [];
  const at = (index) => segment.start + ((segment.end - segment.start) * index) / Math.max(values.length - 1, 1);
  const points = values.map((value, index) => `${at(index).toFixed(4)} ${heightOf(value, range).toFixed(4)}`);
  return svg("path", { d: points.length ? `M${points.join("L")}` : "", class: segment.kind === "constant" ? "curve still" : "curve" });
}

/** Return the shares of an objective's terms, one above the other. */
function areas(segment) {
  const terms = Object.entries(segment.terms ?? {});
  const count = terms[0]?.[1].length ?? 0;
  const totals = Array.from({ length: count }, (_, index) => Math.max(1e-9, terms.reduce((sum, [, weights]) => sum + Math.abs(weights[index]), 0)));
  const at = (index) => (segment.start + ((segment.end - segment.start) * index) / Math.max(count - 1, 1)).toFixed(4);
  let under = Array(count).fill(1);
  return terms.map(([name, weights], number) => {
    const over = under.map((level, index) => level - Math.abs(weights[index]) / totals[index]);
    const edge = [...over.map((level, index) => `${at(index)} ${level.toFixed(4)}`), ...under.map((level, index) => `${at(index)} ${level.toFixed(4)}`).reverse()];
    under = over;
    return svg("path", { d: `M${edge.join("L")}Z`, class: `area tint-${number % TINTS}` }, svg("title", {}, name));
  });
}

function drawKeys(path, row, segments, range) {
  const isBeyond = (segment, key) => key.seconds > segment.end + 1e-6;
  // Those of the look count in each scene; what lies beyond a scene's end is not shown in it.
  const wanted = segments.flatMap((segment) => (segment.keys ?? [])
    .map((key, index) => ({ segment, key, index }))
    .filter(({ key }) => segments.length === 1 || segment.owner !== null || !isBeyond(segment, key)));
  const times = wanted.map(({ key }) => key.seconds).sort((a, b) => a - b);
  const width = laneWidth();
  while (row.keys.length > wanted.length) row.keys.pop().remove();
  while (row.keys.length < wanted.length) {
    const button = make("button", { type: "button", class: "key", "aria-describedby": "timeline-keys-help" });
    button.addEventListener("click", () => chosen(path, button));
    button.addEventListener("focus", () => { if (!drag && !isSelected(whichKey(path, button))) select(whichKey(path, button)); });
    row.keys.push(button);
    row.lane.append(button);
  }
  wanted.forEach(({ segment, key, index }, number) => {
    const button = row.keys[number];
    button.dataset.scene = segment.scene;
    button.dataset.index = index;
    placeAt(button, Math.min(key.seconds, segment.end));
    button.style.top = path === "objective" ? "" : `${(100 * heightOf(key.value, range)).toFixed(2)}%`;
    const room = (((times.find((time) => time > key.seconds + 1e-6) ?? timeline.data.seconds) - key.seconds) / timeline.data.seconds) * width - 2 * NARROWEST;
    const what = path === "objective" && room > NARROWEST && !isBeyond(segment, key) ? make("span", { class: "what" }, String(key.value)) : null;
    if (what) what.style.maxWidth = `${room}px`;
    button.replaceChildren(...(what ? [what] : []));
    button.setAttribute("aria-label", `${row.label}, keyframe ${index + 1} of ${segment.keys.length}: ${key.value} at ${key.time}${key.ease ? `, ${key.ease}` : ""}`);
    button.setAttribute("aria-pressed", String(isSelected(whichKey(path, button))));
    button.classList.toggle("beyond", isBeyond(segment, key));
  });
}

const whichKey = (path, button) => ({ kind: "key", path, scene: Number(button.dataset.scene), index: Number(button.dataset.index) });

function chosen(path, button) {
  select(whichKey(path, button));
}

/** Put the focus on the keyframe that is selected; return whether it is there. */
export function focusKey() {
  const { path, scene, index } = timeline.selected ?? {};
  const button = rows.get(path)?.keys.find((each) => Number(each.dataset.scene) === scene && Number(each.dataset.index) === index);
  button?.focus({ preventScroll: true });
  return Boolean(button);
}

function valueAtY(event, lane, path) {
  const box = lane.getBoundingClientRect();
  const [low, high] = rows.get(path).range;
  const share = 1 - ((event.clientY - box.top) / box.height - TOP) / (1 - 2 * TOP);
  return stepped(path, low + (high - low) * Math.min(Math.max(share, 0), 1));
}

function begin(event, path, lane) {
  const button = event.target.closest(".key");
  if (!button || event.button) return;
  event.preventDefault();
  const which = whichKey(path, button);
  const key = rowOf(path).segments[which.scene].keys[which.index];
  button.focus({ preventScroll: true });
  lane.setPointerCapture(event.pointerId);
  drag = { ...which, lane, moved: false, x: event.clientX, y: event.clientY, away: key.seconds - timeAt(event, lane), key, range: rows.get(path).range, points: snapPoints().filter((point) => point !== key.seconds) };
}

function move(event) {
  if (!drag || !drag.lane.hasPointerCapture(event.pointerId)) return;
  const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.moved && Math.hypot(across, down) < NEAR) return;
  drag.moved = true;
  const { path, scene, index, key } = drag;
  const segment = rowOf(path)?.segments[scene];
  if (!segment?.keys?.[index]) return;
  const changes = {};
  if (!event.shiftKey || Math.abs(across) >= Math.abs(down)) {
    const seconds = Math.max(sceneOf(segment).start, snapped(timeAt(event, drag.lane) + drag.away, laneWidth(), drag.points));
    Object.assign(changes, { seconds, time: timeText(seconds, key.unit, sceneOf(segment), timeline.data) });
  }
  if (path !== "objective" && (!event.shiftKey || Math.abs(across) < Math.abs(down)) && Math.abs(down) >= NEAR) {
    const [low, high] = drag.range;
    changes.value = stepped(path, key.value - ((down / drag.lane.clientHeight) * (high - low)) / (1 - 2 * TOP));
  }
  changeKey(path, segment, index, changes, { dragging: true });
}

function end(event) {
  if (!drag) return;
  const { path, scene, index, moved } = drag;
  drag = null;
  if (!moved) return;
  const segment = rowOf(path)?.segments[scene];
  if (event.type === "pointercancel" || !segment) { giveUp(); return; }
  changeKey(path, segment, index, {});
  focusKey();
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !drag) return;
  drag = null;
  giveUp();
});

function press(event, path) {
  const button = event.target.closest(".key");
  if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
  const { scene, index } = whichKey(path, button);
  const segment = rowOf(path)?.segments[scene];
  const key = segment?.keys?.[index];
  if (!key) return;
  const edit = {
    ArrowLeft: () => stepTime(path, segment, index, -1, event.shiftKey),
    ArrowRight: () => stepTime(path, segment, index, 1, event.shiftKey),
    ArrowUp: () => stepValue(path, segment, index, event.shiftKey ? 10 : 1),
    ArrowDown: () => stepValue(path, segment, index, event.shiftKey ? -10 : -1),
    Delete: () => removeKey(path, segment, index),
    Backspace: () => removeKey(path, segment, index),
  }[event.key];
  if (!edit && event.key !== "Enter") return;
  event.preventDefault();
  if (edit) { edit(); focusKey(); } else find("timeline-key-time").focus();
}
