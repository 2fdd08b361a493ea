/** The moving preview: two seconds of the dream over the still one, until a dial moves. */

import { page, post, request } from "./api.js";
import { find } from "./elements.js";
import { look, onChange, pipeline } from "./look.js";

const PERIOD = 300; // ms between looks at how far it is

let current = null; // the id of the preview that is made or shown
let run = 0; // the newest press; an older one gives way
let held = false; // it flashes, and waits for a press

export function buildMoving() {
  find("move").addEventListener("click", () => (held ? play() : busy() ? stop() : begin()));
  onChange(() => { stop(); show(); });
  show();
}

const busy = () => current !== null || !find("moving").hidden;

function show() {
  find("move").disabled = !look.source || pipeline() !== "video";
  find("move").textContent = held ? "Play it nevertheless" : busy() ? "Back to the still" : "Play 2 s";
}

function stop() {
  run += 1;
  if (current) post(`/api/moving/${current}`, {}).catch(() => {});
  current = null;
  held = false;
  const video = find("moving");
  video.hidden = true;
  video.removeAttribute("src");
  video.load();
  show();
}

async function begin() {
  run += 1;
  const mine = run;
  const tell = (text, bad = false) => { find("state").textContent = text; find("state").classList.toggle("bad", bad); };
  try {
    tell("starting the moving preview…");
    const { id } = await post("/api/moving", { values: look.values, source: look.source, time: look.time, longest: find("longest").value, page });
    if (run !== mine) { post(`/api/moving/${id}`, {}).catch(() => {}); return; }
    current = id;
    show();
    for (;;) {
      const status = await request(`/api/moving/${id}`);
      if (run !== mine) return;
      if (status.error) throw new Error(status.error);
      if (status.finished) break;
      tell(status.frames ? `moving preview: ${status.done} of ${status.frames} frames` : "starting the moving preview…");
      await new Promise((done) => { setTimeout(done, PERIOD); });
      if (run !== mine) return;
    }
    tell("looking for flashes…");
    const { warning, until } = await request(`/api/moving/${id}/flashes`);
    if (run !== mine) return;
    held = Boolean(warning) || until !== null;
    if (held) { tell(warning || "There was no time to look for flashes in all of it.", true); show(); return; }
    tell("two seconds, in a loop, as rendered at this size");
    await play();
  } catch (error) {
    if (run !== mine) return;
    stop();
    tell(error.mistakes?.[0]?.[1] ?? error.message, true);
  }
}

async function play() {
  const video = find("moving");
  const start = held || !matchMedia("(prefers-reduced-motion: reduce)").matches;
  held = false;
  video.src = `/api/moving/${current}/content`;
  video.hidden = false;
  show();
  if (start) await video.play().catch(() => {});
}
