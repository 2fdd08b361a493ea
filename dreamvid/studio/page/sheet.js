/** X/Y sheets: the picture dreamed with each value of one setting or two, side by side; a click takes one over. */

import { page, post } from "./api.js";
import { find, make, say } from "./elements.js";
import { look, onChange, pipeline, replaceLook, withValue } from "./look.js";

const MOST_PICTURES = 64;
const LONGEST = 240;
const NONE = "";

let fields = [];
let run = 0; // the sheet that is being made; an older one stops

export function buildSheet(studio) {
  fields = studio.fields;
  for (const axis of ["x", "y"]) {
    find(`sheet-${axis}`).addEventListener("change", () => suggest(axis));
  }
  find("sheet-make").addEventListener("click", makeSheet);
  find("sheet-close").addEventListener("click", () => find("sheet-view").close());
  find("sheet-view").addEventListener("close", () => { run += 1; find("sheet-make").focus(); });
  onChange((what) => { if (what !== "time") showSettings(); });
  showSettings();
}

/** Offer the settings that the look has; those of the first view come first. */
function showSettings() {
  const fitting = fields.filter((field) => field.pipelines.includes(pipeline()));
  for (const axis of ["x", "y"]) {
    const box = find(`sheet-${axis}`);
    if (box.dataset.key === pipeline()) continue;
    box.dataset.key = pipeline();
    const before = box.value;
    box.replaceChildren(
      ...(axis === "y" ? [make("option", { value: NONE }, "nothing")] : []),
      ...fitting.map((field) => make("option", { value: field.path }, field.path)),
    );
    box.value = before && fitting.some((field) => field.path === before) ? before : axis === "x" ? "ascent.steps" : NONE;
    suggest(axis);
  }
  find("sheet-make").disabled = !look.source && pipeline() !== "zoom";
}

/** Suggest values of a setting: its choices, or some over the range of its slider. */
function suggest(axis) {
  const field = fields.find((each) => each.path === find(`sheet-${axis}`).value);
  const box = find(`sheet-${axis}-values`);
  box.hidden = !field;
  if (!field) return;
  let values = [];
  if (field.kind === "objective") values = ["mixed2", "mixed3", "mixed4", "class:monarch"];
  else if (field.path === "run.seed") values = [0, 1, 2, 3];
  else if (field.kind === "switch") values = ["false", "true"];
  else if (field.choices?.length) values = field.choices.slice(0, 6);
  else if (field.kind === "number") {
    const [low, high] = field.usual;
    values = [0, 1, 2, 3].map((n) => low + ((high - low) * n) / 3).map((value) => (field.whole ? Math.round(value) : Number(value.toFixed(4))));
  }
  box.value = values.join("; ");
}

/** Return an axis: its setting and values; one value that changes nothing where it is off. */
function axisOf(axis) {
  const path = find(`sheet-${axis}`).value;
  const texts = find(`sheet-${axis}-values`).value.split(";").map((text) => text.trim()).filter(Boolean);
  return path === NONE ? { path, values: [undefined] } : { path, values: texts.map(parsed) };
}

function parsed(text) {
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

async function makeSheet() {
  const [across, down] = [axisOf("x"), axisOf("y")];
  const count = across.values.length * down.values.length;
  if (!count || count > MOST_PICTURES) {
    say(count ? `${count} pictures are too many for a sheet; ${MOST_PICTURES} are the most.` : "Write the values, between semicolons.");
    return;
  }
  run += 1;
  const mine = run;
  const base = { values: look.values, source: look.source, time: look.time };
  const cells = draw(across, down, base.values);
  find("sheet-view").showModal();
  find("sheet-title").focus();
  for (const [index, cell] of cells.entries()) {
    find("sheet-state").textContent = `dreaming ${index + 1} of ${count}…`;
    await fill(cell, base, () => run === mine);
    if (run !== mine) return;
  }
  find("sheet-state").textContent = `${count} pictures; a click takes one over.`;
}

/** Lay the table out; return its cells, each with its button and values. */
function draw(across, down, values) {
  const cells = [];
  const name = (path, value) => `${path.split(".").at(-1).replaceAll("_", " ")} ${value}`;
  const head = make("tr", {}, down.path ? make("td") : null, ...across.values.map((value) => make("th", { scope: "col" }, name(across.path, value))));
  const rows = down.values.map((second) => make("tr", {},
    down.path ? make("th", { scope: "row" }, name(down.path, second)) : null,
    ...across.values.map((first) => {
      const changed = [[across.path, first], [down.path, second]].filter(([path]) => path);
      const label = changed.map(([path, value]) => name(path, value)).join(", ");
      const button = make("button", { type: "button", disabled: true, "aria-label": `Take over ${label}` }, make("span", { class: "blank" }));
      const own = changed.reduce((inner, [path, value]) => withValue(inner, path, value), values);
      button.addEventListener("click", () => { replaceLook({ values: own }); find("sheet-view").close(); });
      cells.push({ button, values: own, label });
      return make("td", {}, button);
    })));
  find("sheet-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  return cells;
}

async function fill(cell, base, wanted) {
  try {
    const reply = await post("/api/preview", { page: `${page}-sheet`, source: base.source, time: base.time, values: cell.values, longest: LONGEST, urgent: false });
    if (!wanted()) return;
    cell.button.replaceChildren(make("img", { src: `data:image/webp;base64,${reply.dreamed}`, alt: "" }));
    cell.button.disabled = false;
  } catch (error) {
    cell.button.replaceWith(make("p", { class: "mistake" }, error.mistakes[0]?.[1] ?? error.message));
  }
}
