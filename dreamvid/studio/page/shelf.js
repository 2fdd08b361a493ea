/** The shelf of presets: looks to start from, with a picture each, on request of the user's own material. */

import { page } from "./api.js";
import { find, make } from "./elements.js";
import { look, onChange, pipeline, replaceLook } from "./look.js";

const KEPT = ["input", "output", "run"];

let presets = [];
let ownOf = "";

export function buildShelf(studio) {
  presets = studio.presets;
  find("own-pictures").addEventListener("change", () => { ownOf = ""; showOwn(); });
  onChange((what) => { if (what !== "time") show(); if (what === "source") showOwn(); });
  show();
}

const fits = (preset) => (pipeline() === "zoom") === (preset.pipeline === "zoom") && (pipeline() !== "video" || preset.pipeline === "video");

function show() {
  const list = find("shelf");
  const fitting = presets.filter(fits);
  const key = fitting.map((preset) => preset.name).join(" ");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...fitting.map(card));
  }
  for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.name === look.name));
  find("own-pictures").disabled = !look.source || pipeline() === "zoom";
}

function card(preset) {
  const picture = preset.picture
    ? make("img", { src: `/api/presets/${encodeURIComponent(preset.name)}/picture`, alt: "", loading: "lazy", decoding: "async" })
    : make("span", { class: "blank" });
  const button = make("button", { type: "button", class: "preset", title: `${preset.description} (${preset.speed})` },
    picture, make("b", {}, preset.name), make("small", {}, preset.description));
  button.dataset.name = preset.name;
  button.addEventListener("click", () => take(preset));
  return make("li", {}, button);
}

/** Take a preset over; what part is used, and how it is written, stay. */
function take(preset) {
  const kept = Object.fromEntries(KEPT.filter((group) => look.values[group]).map((group) => [group, look.values[group]]));
  replaceLook({ values: { ...preset.values, ...kept, pipeline: pipeline() }, name: preset.name });
}

/** Dream the shelf's pictures on the source, one after the other. */
async function showOwn() {
  const wanted = find("own-pictures").checked && look.source ? `${look.source} ${look.time}` : "";
  if (wanted === ownOf) return;
  ownOf = wanted;
  if (!wanted) { find("shelf").dataset.key = ""; show(); return; }
  for (const button of [...find("shelf").querySelectorAll("button")]) {
    const address = `/api/presets/${encodeURIComponent(button.dataset.name)}/picture?source=${look.source}&time=${look.time}&page=${page}`;
    const response = await fetch(address).catch(() => null);
    if (ownOf !== wanted) return;
    if (!response?.ok) continue;
    const image = make("img", { src: URL.createObjectURL(await response.blob()), alt: "" });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    button.firstChild.replaceWith(image);
  }
}
