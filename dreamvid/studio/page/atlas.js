/** The network of the look: its layers, and pages of their units, whose pictures are made while one looks. */

import { post, request } from "./api.js";
import { choose, drawUnits, enhances, objectiveText, showChosen, showUnits } from "./atlas_units.js";
import { find, make, say } from "./elements.js";
import { fileOf } from "./library.js";
import { look, onChange } from "./look.js";

const CLASSES = "logits"; // the layer of the classes, as atlases name it
const PERIOD = 1000; // ms between two questions for what is new

let suggestions = {};
let presets = [];
let network = null; // layers and classes, of the model
let model = null; // as text
let layer = null;
let atlas = null; // the page that is open: its id, once it is begun, and what it shows
let run = 0; // a newer one stops the older

export function buildAtlas(studio) {
  ({ suggestions, presets } = studio);
  find("all-layers").addEventListener("change", drawLayers);
  find("atlas-page").addEventListener("change", openPage);
  find("atlas-stop").addEventListener("click", stopOrGoOn);
  find("whole-layer").addEventListener("click", () => choose(layer.objective, standard()));
  addEventListener("hashchange", show);
  onChange((what) => {
    if (isHidden() || what === "time") return;
    if (modelText() === model) showChosen(standard());
    show();
  });
  show();
}

const isHidden = () => find("network-view").hidden;
const modelText = () => JSON.stringify(look.values.model ?? {});
const modelValues = () => ({ values: look.values.model ? { model: look.values.model } : {} });

/** Return what the look enhances where it does not say. */
const standard = () => suggestions[network.network]?.[0] ?? "";

/** Show the network of the look, and go on with what is open. */
async function show() {
  run += 1;
  if (isHidden()) return;
  const mine = run;
  const wanted = modelText();
  if (wanted !== model) clear();
  try {
    const answer = await describe(mine);
    if (mine !== run) return;
    network = answer;
    if (network.classes.length) network.layers.push({ name: CLASSES, title: "classes", channels: network.classes.length, main: true });
    if (wanted !== model) begin();
    else layer = network.layers.find((each) => each.name === layer?.name);
    model = wanted;
    if (!layer) { tell("This network has no layer that keeps the shape of a picture."); return; }
    drawLayers();
    drawPages();
    if (atlas?.id) await follow(mine);
    else await openPage();
  } catch (error) {
    if (mine === run) tell(error.message, true);
  }
}

function clear() {
  network = model = layer = atlas = null;
  for (const id of ["layers", "units"]) find(id).replaceChildren();
  for (const id of ["all-layers-label", "atlas-page-label", "adds-label", "whole-layer", "atlas-stop", "atlas-progress"]) find(id).hidden = true;
  for (const id of ["layer-name", "layer-about"]) find(id).textContent = "";
  tell("The network is being loaded…");
}

/** Return the layers and classes of the network, and its atlases in the folder, once they are known. */
async function describe(mine) {
  let answer = await post("/api/network", modelValues());
  while (answer.pending && mine === run) {
    await new Promise((done) => { setTimeout(done, PERIOD / 2); });
    answer = await post("/api/network", modelValues());
  }
  return answer;
}

/** Open the layer that the look enhances. */
function begin() {
  find("network-name").textContent = network.network;
  find("all-layers-label").hidden = network.layers.every(isUsual);
  find("all-layers-label").lastElementChild.textContent = `All ${network.layers.length} layers`;
  const first = network.layers.find((each) => enhances(each.objective, standard())) ?? network.layers.find((each) => each.main) ?? network.layers[0];
  if (first) select(first);
}

const isSuggested = (each) => (suggestions[network.network] ?? []).includes(each.objective);
const isUsual = (each) => each.main || isSuggested(each);

/** Return the names of the looks on the shelf that enhance a layer. */
function looksWith(each) {
  return presets.filter(({ values }) => (values.model?.name ?? "dreamnet") === network.network)
    .filter(({ values }) => JSON.stringify([values.objective ?? standard(), values.scenes]).split(/[\s,:#@()'"[\]{}\\]+/).includes(each.name))
    .map((preset) => preset.name);
}

function drawLayers() {
  const shown = network.layers.filter((each) => isUsual(each) || each === layer || find("all-layers").checked || enhances(each.objective, standard()));
  const focused = document.activeElement?.closest("#layers button")?.dataset.name;
  find("layers").replaceChildren(...shown.map((each) => {
    const facts = [`${each.channels} ${each.name === CLASSES ? "classes" : "channels"}`, isSuggested(each) ? "dreams well" : "", enhances(each.objective, standard()) ? "in your look" : ""];
    const button = make("button", { type: "button", "aria-pressed": String(each === layer) },
      make("b", {}, each.title ?? each.name), make("small", {}, facts.filter(Boolean).join(" · ")));
    button.dataset.name = each.name;
    button.addEventListener("click", () => { select(each); openPage(); });
    return make("li", {}, button);
  }));
  if (focused) [...document.querySelectorAll("#layers button")].find((button) => button.dataset.name === focused)?.focus();
}

/** Make a layer the one that is shown. */
function select(each) {
  layer = each;
  atlas = null;
  find("layer-name").textContent = each.title ?? each.name;
  const looks = looksWith(each);
  const facts = each.name === CLASSES
    ? ["What makes the network most certain of a class."]
    : [`${each.kind}, depth ${each.depth}.`, isSuggested(each) ? "Dreams well." : "", looks.length ? `Used by ${looks.join(", ")}.` : ""];
  find("layer-about").textContent = facts.filter(Boolean).join(" ");
  find("whole-layer").hidden = each.name === CLASSES;
  find("adds-label").hidden = find("atlas-page-label").hidden = false;
  find("atlas-stop").hidden = find("atlas-progress").hidden = true;
  find("atlas-page").replaceChildren();
  drawLayers();
  find("layers").querySelector("[aria-pressed='true']").scrollIntoView({ block: "nearest", inline: "nearest" });
  drawPages();
}

/** Offer the pages of the layer: some units at a time, those that the source activates most, atlases in the folder. */
function drawPages() {
  const pages = [];
  const isClasses = layer.name === CLASSES;
  for (let first = 0; first < layer.channels; first += network.page) {
    const last = Math.min(first + network.page, layer.channels) - 1;
    const names = isClasses ? ` · ${titleOf(first)} … ${titleOf(last)}` : "";
    pages.push(make("option", { value: `first ${first}` }, `${first}–${last}${names}`));
  }
  const source = fileOf(look.source);
  if (source && !isClasses) pages.push(make("option", { value: `examples ${source.id}` }, `that ${source.name} activates most`));
  for (const own of network.atlases.filter((one) => one.layers[layer.name])) {
    pages.push(make("option", { value: `atlas ${own.id}` }, `${own.layers[layer.name]} in ${own.name}`));
  }
  const box = find("atlas-page");
  const before = box.value;
  box.replaceChildren(...pages);
  if (pages.some((page) => page.value === before)) box.value = before;
  else atlas = null;
}

const titleOf = (unit) => network.classes[unit]?.title ?? String(unit);

/** Show the chosen page, and have its pictures made where they are not there yet. */
async function openPage() {
  run += 1;
  const mine = run;
  const [kind, value] = find("atlas-page").value.split(" ");
  atlas = { id: kind === "atlas" ? value : null, layer: layer.name, kind };
  const first = Number(value);
  const known = kind === "first" ? Array.from({ length: Math.min(network.page, layer.channels - first) }, (_, index) => first + index) : [];
  drawUnits(known.map(unitOf), layer.title ?? layer.name, (objective) => choose(objective, standard()));
  showChosen(standard());
  tell(kind === "examples" ? "Looking for what it activates most…" : "");
  try {
    if (kind !== "atlas") {
      const asked = { ...modelValues(), layer: layer.name, ...(kind === "first" ? { first } : { examples: value }) };
      const { id } = await post("/api/atlas", asked);
      if (mine !== run) return;
      atlas.id = id;
    }
    await follow(mine);
  } catch (error) {
    if (mine === run) tell(error.message, true);
  }
}

/** Return what is known of a unit before it has a picture. */
function unitOf(unit) {
  if (layer.name === CLASSES) return { unit, ...network.classes[unit] };
  return { unit, title: `#${unit}`, objective: `${layer.objective}#${unit}` };
}

/** Show the pictures as they come. */
async function follow(mine) {
  while (mine === run) {
    const address = `/api/atlas/${atlas.id}`;
    const name = encodeURIComponent(atlas.layer);
    const now = await request(`${address}?layer=${name}`);
    if (mine !== run) return;
    const units = atlas.layer === CLASSES ? now.units.map((each) => ({ ...each, ...network.classes[each.unit] })) : now.units;
    showUnits(units, `${address}/picture?layer=${name}`, standard());
    showState(now);
    if (now.state !== "making") return;
    await new Promise((done) => { setTimeout(done, PERIOD); });
  }
}

function showState({ state, total, error, units }) {
  const making = state === "making";
  const begun = atlas.kind === "examples" ? "Looking for what it activates most…" : "The network is being loaded…";
  const count = total ? `${units.length} of ${total} pictures` : `${units.length} pictures`;
  const texts = { making: total ? count : begun, stopped: units.length ? `Stopped; ${count} are there.` : "Stopped.", failed: error, done: "" };
  tell(texts[state], state === "failed");
  find("atlas-progress").hidden = !making || !total;
  find("atlas-progress").value = total ? units.length / total : 0;
  find("atlas-stop").hidden = state === "done";
  find("atlas-stop").textContent = making ? "Stop" : state === "failed" ? "Try again" : "Go on";
  atlas.making = making;
}

async function stopOrGoOn() {
  if (!atlas.making) { await openPage(); return; }
  try {
    await post(`/api/atlas/${atlas.id}/stop`, {});
    await show();
  } catch (error) {
    say(error.message);
  }
}

function tell(text, bad = false) {
  if (find("atlas-state").textContent !== text) find("atlas-state").textContent = text;
  find("atlas-state").classList.toggle("bad", bad);
  if (bad) find("atlas-progress").hidden = true;
}
