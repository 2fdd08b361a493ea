/** The units of a layer as pictures; a click on one makes it what the look enhances, or adds it to that. */

import { clock, find, make, say } from "./elements.js";
import { look, replaceLook, undo, withValue } from "./look.js";

let take = () => {};
let layerName = "";
let address = "";

/** Return what the look enhances as text, `standard` where it does not say; empty where that changes over time. */
export function objectiveText(standard) {
  const value = look.values.objective ?? "auto";
  if (typeof value === "object") return "";
  return value === "auto" ? standard : String(value);
}

/** Return the terms of what the look enhances, without their weights. */
const terms = (standard) => objectiveText(standard).split(",").map((term) => term.trim().replace(/:\s*[+-]?[\d.]+$/, ""));

/** Return whether the look enhances a layer or one of its channels, by the layer's text form; classes have none. */
export function enhances(layer, standard) {
  return terms(standard).some((term) => (layer === undefined ? term.startsWith("class:") : [layer, `mean(${layer})`].includes(term.split("#")[0])));
}

/** Make an objective the look's, or add it, and go back to the picture. */
export function choose(objective, standard) {
  const now = objectiveText(standard);
  const adds = find("adds").checked && now && !terms(standard).includes(objective);
  const text = adds ? `${now}, ${objective}` : find("adds").checked && now ? now : objective;
  replaceLook({ values: withValue(look.values, "objective", text) });
  addEventListener("hashchange", () => find("picture").focus(), { once: true });
  location.hash = "#look";
  say(`Enhanced is ${text}.`, { label: "Undo", run: undo });
}

/** Lay out units that are known before their pictures are; `onTake` is called with the objective of a click. */
export function drawUnits(units, name, onTake) {
  [take, layerName, address] = [onTake, name, ""];
  const list = find("units");
  list.replaceChildren(...units.map(tile));
  list.onkeydown ??= moveFocus;
  letTabReach(list.querySelector("button"));
}

/** Show the pictures that are there; `from` is the address that gives them. */
export function showUnits(units, from, standard) {
  address = from;
  const list = find("units");
  const tiles = new Map([...list.children].map((item) => [item.dataset.unit, item]));
  for (const unit of units) {
    const known = tiles.get(String(unit.unit));
    const item = known ?? tile(unit);
    if (!known) list.append(item);
    fill(item, unit);
  }
  if (!list.querySelector("[tabindex='0']")) letTabReach(list.querySelector("button"));
  showChosen(standard);
}

/** Mark the units that the look enhances. */
export function showChosen(standard) {
  const chosen = terms(standard);
  for (const button of find("units").querySelectorAll("button")) button.setAttribute("aria-pressed", String(chosen.includes(button.dataset.objective)));
}

function tile(unit) {
  const button = make("button", { type: "button", class: "tile", tabIndex: -1, "aria-pressed": "false", title: `${unit.objective}\n${unit.words ?? ""}`.trim() },
    make("span", { class: "blank" }), make("span", { class: "unit-name" }, unit.title));
  button.dataset.objective = unit.objective;
  button.setAttribute("aria-label", layerName === "classes" ? unit.title : `${layerName} ${unit.title}`);
  button.addEventListener("click", () => take(unit.objective));
  const item = make("li", {}, button);
  item.dataset.unit = unit.unit;
  return item;
}

/** Put the picture and the examples of a unit into its tile, once. */
function fill(item, unit) {
  const key = `${address} ${unit.examples.length}`;
  if (item.dataset.key === key) return;
  item.dataset.key = key;
  const button = item.firstChild;
  const picture = (query) => make("img", { src: `${address}&unit=${unit.unit}${query}`, alt: "", loading: "lazy", decoding: "async" });
  button.firstChild.replaceWith(picture(""));
  item.querySelector(".examples")?.remove();
  if (unit.reason) {
    item.classList.add("silent");
    button.title = unit.reason;
    button.setAttribute("aria-description", unit.reason);
  }
  if (!unit.examples.length) return;
  const times = unit.examples.filter((each) => each.seconds !== null).map((each) => clock(each.seconds));
  item.append(make("div", { class: "examples" },
    ...unit.examples.map((each, rank) => {
      const image = picture(`&example=${rank}`);
      image.alt = each.seconds === null ? each.source : `${each.source} at ${clock(each.seconds)}`;
      image.title = image.alt;
      return image;
    })));
  if (times.length) item.append(make("small", {}, `at ${times[0]}`));
}

function letTabReach(button) {
  for (const other of find("units").querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  if (button) button.tabIndex = 0;
}

/** Move between units with the arrow keys; Tab reaches one of them. */
function moveFocus(event) {
  const buttons = [...find("units").querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) return;
  const top = buttons[0].offsetTop;
  const below = buttons.findIndex((button) => button.offsetTop > top);
  const columns = below < 0 ? buttons.length : below;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: buttons.length - 1 - at };
  const next = buttons[at + steps[event.key]];
  if (!next) return;
  event.preventDefault();
  letTabReach(next);
  next.focus();
}
