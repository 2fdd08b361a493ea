/** Controls for the settings, made from the fields that the server describes. */

import { find, make } from "./elements.js";
import { onChange, pipeline, setValue, valueAt } from "./look.js";
import { isSchedule, scheduleText } from "./timeline_values.js";

const WIDEST_SLIDER = 2000;
const FIRST_LABELS = { objective: "What to enhance", "ascent.steps": "Steps", "octaves.count": "Octaves", "ascent.color": "Natural color", "look.strength": "Strength" };

const dials = [];
let suggestions = {};
let changeOverTime = () => {};

/** Make the dials; `onTime` is called with the path of a setting that is to change over time. */
export function buildDials(studio, onTime) {
  changeOverTime = onTime;
  suggestions = studio.suggestions;
  document.body.append(make("datalist", { id: "objectives" }));
  const byPath = new Map(studio.fields.map((field) => [field.path, field]));
  for (const path of studio.first) find("first").append(dial({ ...byPath.get(path), label: FIRST_LABELS[path] }, "first"));
  const groups = new Map();
  for (const field of studio.fields) {
    if (studio.first.includes(field.path)) continue;
    if (!groups.has(field.group)) {
      const group = make("details", {}, make("summary", {}, field.group));
      groups.set(field.group, group);
      find("groups").append(group);
    }
    groups.get(field.group).append(dial(field, "all"));
  }
  onChange(showAll);
  showAll();
}

/** Show which settings the server refuses; each mistake is a path and a line. Return those of no dial. */
export function showMistakes(mistakes) {
  for (const each of dials) each.mistake("");
  return mistakes.filter(([path, text]) => {
    const places = dials.filter((each) => each.path === path || path.startsWith(`${each.path}.`));
    for (const each of places) each.mistake(text);
    return places.length === 0;
  });
}

function showAll() {
  const network = valueAt("model.name") ?? "dreamnet";
  const known = suggestions[network] ?? [];
  const list = find("objectives");
  if (list.dataset.network !== network) {
    list.dataset.network = network;
    list.replaceChildren(...["auto", ...known, "surprise"].map((value) => make("option", { value })));
  }
  for (const each of dials) each.show();
  for (const group of document.querySelectorAll("#groups > details")) {
    group.hidden = [...group.querySelectorAll(":scope > .dial")].every((element) => element.hidden);
  }
}

const asText = scheduleText;

function dial(field, prefix) {
  const id = `${prefix}-${field.path.replaceAll(".", "-")}`;
  const control = controls[field.kind](field, id);
  const mistake = make("p", { class: "mistake", id: `${id}-mistake` });
  const reset = make("button", { type: "button", class: "quiet", "aria-label": `Reset ${field.label}`, title: "Reset" }, "↺");
  reset.addEventListener("click", () => setValue(field.path, undefined));
  const overTime = field.scheduled || field.kind === "objective"
    ? make("button", { type: "button", class: "quiet", "aria-pressed": "false", "aria-label": `Change ${field.label} over time`, title: "Change over time" }, "∿")
    : null;
  const unit = field.unit ? make("span", { class: "unit" }, field.unit) : null;
  const text = field.scheduled ? textInput(field, id, "{0s: 0.2, end: 1} or 0.5+0.5*sin(t)") : null;
  const help = make("p", { class: "hint", id: `${id}-help` }, field.help);
  const name = field.kind === "number"
    ? make("label", { for: `${id}-number` }, field.label)
    : make("label", { for: id }, field.label);
  const element = make("div", { class: "dial" }, make("div", { class: "head" }, name, control.inHead, unit, overTime, reset), control.below, text?.element, help, mistake);
  let typing = false;
  overTime?.addEventListener("click", () => {
    typing = overTime.getAttribute("aria-pressed") !== "true";
    if (!typing && isSchedule(valueAt(field.path))) setValue(field.path, undefined);
    else show();
    if (typing && pipeline() !== "image") changeOverTime(field.path);
    const box = typing && text ? text.element : control.below ?? control.inHead;
    box.focus();
    if (typing) box.select();
  });

  function show() {
    const value = valueAt(field.path);
    const scheduled = field.kind === "objective" ? typeof value === "object" : Boolean(field.scheduled) && (typing || isSchedule(value));
    element.hidden = !field.pipelines.includes(pipeline());
    reset.hidden = value === undefined;
    overTime?.setAttribute("aria-pressed", String(scheduled));
    if (text) {
      text.element.hidden = !scheduled;
      text.show(value);
      for (const part of [control.inHead, control.below]) if (part) part.hidden = scheduled;
      name.setAttribute("for", scheduled ? text.element.id : field.kind === "number" ? `${id}-number` : id);
    }
    if (!scheduled || !text) control.show(value === undefined ? field.default : value);
  }

  dials.push({
    path: field.path,
    show,
    mistake(line) {
      mistake.textContent = line;
      element.classList.toggle("wrong", Boolean(line));
    },
  });
  return element;
}

function textInput(field, id, placeholder = "") {
  const element = make("input", { type: "text", id: `${id}-text`, placeholder, autocomplete: "off", spellcheck: false, "aria-describedby": `${id}-help ${id}-mistake` });
  element.addEventListener("change", () => setValue(field.path, element.value.trim() || undefined));
  return { element, show: (value) => { if (document.activeElement !== element) element.value = asText(value); } };
}

const describe = (id) => ({ "aria-describedby": `${id}-help ${id}-mistake` });

const controls = {
  number(field, id) {
    const [low, high] = field.usual;
    const box = make("input", { type: "number", id: `${id}-number`, min: field.min ?? "", max: field.max ?? "", step: field.whole ? "1" : "any", placeholder: field.optional ? "auto" : "", ...describe(id) });
    const hasSlider = !field.optional && high - low <= WIDEST_SLIDER;
    const slider = hasSlider ? make("input", { type: "range", id, min: low, max: high, step: field.step, "aria-label": field.label, ...describe(id) }) : null;
    const take = (text) => {
      if (text === "") setValue(field.path, undefined);
      else if (Number.isFinite(Number(text))) setValue(field.path, Number(text));
    };
    box.addEventListener("input", () => take(box.value));
    slider?.addEventListener("input", () => take(slider.value));
    return {
      inHead: box,
      below: slider,
      show(value) {
        if (document.activeElement !== box) box.value = asText(value);
        if (slider && document.activeElement !== slider) slider.value = Number(value ?? low);
        else if (slider && Number(slider.value) !== Number(value)) slider.value = Number(value ?? low);
      },
    };
  },
  switch(field, id) {
    const box = make("input", { type: "checkbox", id, ...describe(id) });
    box.addEventListener("change", () => setValue(field.path, box.checked === field.default ? undefined : box.checked));
    return { inHead: box, below: null, show: (value) => { box.checked = value === true; } };
  },
  choice(field, id) {
    const box = make("select", { id, ...describe(id) }, ...field.choices.map((choice) => make("option", { value: choice }, choice)));
    box.addEventListener("change", () => setValue(field.path, box.value === field.default ? undefined : box.value));
    return { inHead: null, below: box, show: (value) => { box.value = asText(value); } };
  },
  text(field, id) {
    const box = make("input", { type: "text", id, placeholder: asText(field.default) || "none", autocomplete: "off", spellcheck: false, ...describe(id) });
    if (field.file) box.setAttribute("list", "folder-files");
    box.addEventListener("change", () => setValue(field.path, box.value.trim() || undefined));
    return { inHead: null, below: box, show: (value) => { if (document.activeElement !== box) box.value = asText(value) === asText(field.default) ? "" : asText(value); } };
  },
  "choice-or-text"(field, id) {
    const control = controls.text(field, id);
    const list = make("datalist", { id: `${id}-list` }, ...field.choices.map((value) => make("option", { value })));
    control.below.setAttribute("list", list.id);
    document.body.append(list);
    return control;
  },
  objective(field, id) {
    const control = controls.text(field, id);
    control.below.setAttribute("list", "objectives");
    return control;
  },
};
