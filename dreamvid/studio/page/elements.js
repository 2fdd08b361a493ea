/** Small helpers for the elements of the page. */

export const find = (id) => document.getElementById(id);

/** Return a new element with properties (attributes where the name has a dash) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a time as people write it: 1:05.2. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}

export function bytes(count) {
  for (const unit of ["B", "kB", "MB"]) {
    if (count < 1000) return `${count.toFixed(unit === "MB" ? 1 : 0)} ${unit}`;
    count /= 1000;
  }
  return `${count.toFixed(1)} GB`;
}

let timer = 0;

/** Say something at the foot of the page; `action` is a label and what its button does. */
export function say(text, action = null) {
  const place = find("message");
  clearTimeout(timer);
  place.replaceChildren(text);
  if (action) {
    const button = make("button", { type: "button" }, action.label);
    button.addEventListener("click", () => { place.replaceChildren(); action.run(); });
    place.append(button);
  }
  timer = setTimeout(() => place.replaceChildren(), action ? 12000 : 7000);
}

/** Return a function that runs `action` once, when no call has come for some milliseconds. */
export function later(milliseconds, action) {
  let waiting = 0;
  return (...values) => { clearTimeout(waiting); waiting = setTimeout(() => action(...values), milliseconds); };
}
