/** The look that is being found: its values, its source and its past. Everything on the page follows from it. */

const LONGEST_PAST = 300;
const ONE_STEP = 900; // ms within which changes of one setting are one step of undo

export const look = { values: {}, name: "dream", source: null, time: 0 };

const listeners = new Set();
let past = [];
let future = [];
let lastKey = "";
let lastTime = 0;

export const onChange = (listener) => listeners.add(listener);
export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;

const snapshot = () => JSON.stringify({ values: look.values, name: look.name, source: look.source });

function tell(what) {
  for (const listener of listeners) listener(what);
}

function remember(key) {
  const now = performance.now();
  if (!key || key !== lastKey || now - lastTime > ONE_STEP) {
    past = [...past.slice(-LONGEST_PAST), snapshot()];
  }
  future = [];
  [lastKey, lastTime] = [key, now];
}

/** Return the value of a setting by its dotted path; undefined where it is the default. */
export function valueAt(path, values = look.values) {
  return path.split(".").reduce((inner, key) => (inner && typeof inner === "object" ? inner[key] : undefined), values);
}

/** Return nested values with one setting changed; undefined takes it out. */
export function withValue(values, path, value) {
  const [key, ...rest] = path.split(".");
  const result = { ...values };
  if (rest.length) {
    const inner = result[key] && typeof result[key] === "object" ? result[key] : {};
    result[key] = withValue(inner, rest.join("."), value);
    if (Object.keys(result[key]).length === 0) delete result[key];
  } else if (value === undefined) {
    delete result[key];
  } else {
    result[key] = value;
  }
  return result;
}

export function setValue(path, value) {
  remember(path);
  look.values = withValue(look.values, path, value);
  tell("values");
}

/** Replace everything that is given; `key` makes several of it one step of undo. */
export function replaceLook({ values = look.values, name = look.name, source = look.source, time = look.time }, key = "") {
  remember(key);
  const moved = source !== look.source;
  Object.assign(look, { values, name, source, time: moved ? 0 : time });
  tell(moved ? "source" : "look");
}

export function setTime(time) {
  look.time = time;
  tell("time");
}

function travel(from, to) {
  const before = look.source;
  to.push(snapshot());
  Object.assign(look, JSON.parse(from.pop()));
  lastKey = "";
  if (look.source !== before) look.time = 0;
  tell(look.source !== before ? "source" : "look");
}

export function undo() { if (canUndo()) travel(past, future); }
export function redo() { if (canRedo()) travel(future, past); }

export const pipeline = () => look.values.pipeline ?? "video";
