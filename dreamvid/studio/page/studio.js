/** Start the page: session, facts, parts, views and keys. */

import { close, openSession, request } from "./api.js";
import { buildAtlas } from "./atlas.js";
import { buildDials } from "./dials.js";
import { find, make, say } from "./elements.js";
import { buildLibrary, fileOf, limitUploads, loadFiles } from "./library.js";
import { canRedo, canUndo, look, onChange, pipeline, redo, replaceLook, undo } from "./look.js";
import { buildRenders, follow, showRenderChoices } from "./renders.js";
import { buildMoving } from "./moving.js";
import { buildSheet } from "./sheet.js";
import { buildShelf } from "./shelf.js";
import { buildStage, showSource } from "./stage.js";
import { buildText, useText } from "./text.js";
import { buildTimeline, changeOverTime } from "./timeline.js";

const KINDS = { video: "video", image: "still", zoom: "zoom trip" };

async function start() {
  await openSession();
  const studio = await request("/api/studio");
  document.title = `${studio.folder} – dreamvid studio`;
  limitUploads(studio.max_upload);
  buildDials(studio, changeOverTime);
  buildStage();
  buildMoving();
  buildShelf(studio);
  buildSheet(studio);
  buildText();
  buildTimeline(studio);
  buildAtlas(studio);
  buildRenders(studio);
  onChange(showRest);
  await loadFiles();
  showSource();
  showRest();
  follow();
}

function showRest() {
  find("undo").disabled = !canUndo();
  find("redo").disabled = !canRedo();
  showKinds();
  showRenderChoices();
}

/** Offer what can be made of the source: a still makes a still or a trip, nothing a trip alone. */
function showKinds() {
  const file = fileOf(look.source);
  const kinds = !file ? (look.source ? [pipeline()] : ["video", "image", "zoom"]) : file.kind === "still" ? ["image", "zoom"] : ["video", "zoom"];
  const box = find("pipeline");
  if (box.dataset.key !== kinds.join()) {
    box.dataset.key = kinds.join();
    box.replaceChildren(...kinds.map((kind) => make("option", { value: kind }, KINDS[kind])));
  }
  box.value = pipeline();
}

function showView() {
  const name = ["renders", "network"].find((view) => location.hash === `#${view}`) ?? "look";
  for (const view of ["look", "renders", "network"]) find(`${view}-view`).hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

find("undo").addEventListener("click", undo);
find("redo").addEventListener("click", redo);
find("pipeline").addEventListener("change", () => {
  replaceLook({ values: { ...look.values, pipeline: find("pipeline").value } });
  showSource();
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("textarea, input[type=text], input[type=number]")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) redo();
  else undo();
});
find("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
addEventListener("hashchange", showView);
addEventListener("unhandledrejection", (event) => { say(event.reason?.message ?? String(event.reason)); });
showView();
const started = start().catch((error) => close(error.message));
buildLibrary(useText, started);
