/** The files of the folder: pick one, drop new ones, bring back the look of a dreamed one. */

import { request, upload } from "./api.js";
import { bytes, clock, find, make, say } from "./elements.js";
import { look, onChange, pipeline, replaceLook, undo } from "./look.js";

let files = [];
let limit = Infinity; // bytes of the largest file that is taken
let textDropped = () => {};
let ready = Promise.resolve();
const listeners = new Set();

export const onFiles = (listener) => listeners.add(listener);
export const fileOf = (id) => files.find((file) => file.id === id) ?? null;

/** Take what is dropped from now on; `started` is when the rest of the page is there. */
export function buildLibrary(onText, started) {
  textDropped = onText;
  ready = started;
  document.body.append(make("datalist", { id: "folder-files" }));
  find("add-files").addEventListener("change", () => { take([...find("add-files").files]); find("add-files").value = ""; });
  find("no-source").addEventListener("click", () => pick(null));
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; document.body.classList.add("dragging"); } });
  addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) document.body.classList.remove("dragging"); });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dragging");
    take([...event.dataTransfer.files]);
  });
  onChange(show);
}

export function limitUploads(count) { limit = count; }

export async function loadFiles() {
  const listing = await request("/api/files");
  files = listing.files;
  for (const listener of listeners) listener(files);
  show();
  if (!listing.complete) setTimeout(loadFiles, 400);
}

/** Make a file the source of the look; null is none, for a trip from noise. A trip from a file stays a trip. */
export function pick(id) {
  const file = fileOf(id);
  const isTrip = !file || (pipeline() === "zoom" && look.source !== null);
  replaceLook({ source: id, values: { ...look.values, pipeline: isTrip ? "zoom" : file.kind === "still" ? "image" : "video" } });
}

/** Bring back the look that a dreamed file was made with. */
export async function restore(id) {
  try {
    const restored = await request(`/api/files/${id}/look`);
    const stem = restored.name.replace(/\.[^.]*$/, "");
    replaceLook({ values: restored.values, source: restored.source, name: stem.split(".").at(-1) || "dream" });
    say([`The look and seed of ${restored.name} are back.`, ...restored.notes].join(" "), { label: "Undo", run: undo });
  } catch (error) {
    say(error.message);
  }
}

async function take(dropped) {
  await ready;
  for (const file of dropped) {
    if (/\.ya?ml$/i.test(file.name)) {
      textDropped(await file.text(), file.name.replace(/\.ya?ml$/i, ""));
      continue;
    }
    if (file.size > limit) {
      say(`${file.name} is larger than ${bytes(limit)}; copy it into the folder instead.`);
      continue;
    }
    const bar = find("upload");
    bar.hidden = false;
    bar.value = 0;
    try {
      const taken = await upload(file, (share) => { bar.value = share; });
      await loadFiles();
      if (taken.problem) say(taken.problem);
      else if (taken.dreamed) await restore(taken.id);
      else if (isSource(taken)) pick(taken.id);
      else say(`${taken.name} is in the folder; name it in the settings.`);
    } catch (error) {
      say(error.message);
    }
    bar.hidden = true;
  }
}

function show() {
  const sources = files.filter((file) => isSource(file) && !file.dreamed);
  const list = find("files");
  const known = new Map([...list.children].map((item) => [item.dataset.key, item]));
  list.replaceChildren(...sources.map((file) => known.get(keyOf(file)) ?? card(file)));
  for (const item of list.children) item.firstChild.setAttribute("aria-pressed", String(item.dataset.id === look.source));
  find("no-files").hidden = sources.length > 0;
  find("no-source").setAttribute("aria-pressed", String(look.source === null && pipeline() === "zoom"));
  find("folder-files").replaceChildren(...files.map((file) => make("option", { value: file.name })));
}

const isSource = (file) => !["music", "network", "signal"].includes(file.kind);

const keyOf = (file) => `${file.id} ${file.changed} ${file.problem ?? ""} ${file.width ?? ""}`;

function card(file) {
  const facts = file.problem ? file.problem : [file.seconds ? clock(file.seconds) : "", file.width ? `${file.width}×${file.height}` : bytes(file.bytes), file.sound ? "♪" : ""].filter(Boolean).join(" · ");
  const button = make("button", { type: "button", class: file.problem ? "file bad" : "file", disabled: Boolean(file.problem), "aria-pressed": "false" },
    file.problem ? null : make("img", { src: `/api/files/${file.id}/frame?longest=240&v=${file.changed}`, alt: "", loading: "lazy", decoding: "async" }),
    make("span", {}, file.name, make("small", {}, facts)));
  button.addEventListener("click", () => pick(file.id));
  const item = make("li", {}, button);
  item.dataset.key = keyOf(file);
  item.dataset.id = file.id;
  return item;
}
