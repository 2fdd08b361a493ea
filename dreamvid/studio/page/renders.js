/** The queue with its progress, and what was dreamed in the folder. */

import { post } from "./api.js";
import { bytes, clock, find, make, say } from "./elements.js";
import { loadFiles, onFiles, restore } from "./library.js";
import { look, pipeline } from "./look.js";
import { buildPlayer, play } from "./player.js";

const WORDS = { waiting: "waiting", running: "rendering", stopping: "finishing its frame", paused: "paused", failed: "stopped", done: "finished" };

let jobs = [];
let facts = { video_formats: [], still_formats: [] };

export function buildRenders(studio) {
  facts = studio;
  find("quality").append(...studio.qualities.map((quality) => make("option", { value: quality, selected: quality === "normal" }, quality)));
  find("render").addEventListener("click", render);
  onFiles(showResults);
  buildPlayer();
}

/** Offer the formats that fit what is made. */
export function showRenderChoices() {
  const formats = pipeline() === "image" ? facts.still_formats : facts.video_formats;
  if (find("format").dataset.key !== formats.join()) {
    find("format").dataset.key = formats.join();
    find("format").replaceChildren(...formats.map((format) => make("option", { value: format }, format)));
  }
  find("render").disabled = !look.source && pipeline() !== "zoom";
  find("render").textContent = pipeline() === "image" ? "Render the still" : pipeline() === "zoom" ? "Render the trip" : "Render the video";
}

/** Follow the jobs and the folder as the server reports them. */
export function follow() {
  const events = new EventSource("/api/events");
  events.addEventListener("jobs", (event) => showJobs(JSON.parse(event.data)));
  events.addEventListener("files", () => loadFiles().catch(() => {}));
}

async function render() {
  const button = find("render");
  button.disabled = true;
  try {
    const job = await post("/api/jobs", { values: look.values, source: look.source, time: look.time, name: look.name, quality: find("quality").value, format: find("format").value });
    say(`${job.output} is queued.`, { label: "Show", run: () => { location.hash = "#renders"; } });
  } catch (error) {
    say(error.message);
  }
  button.disabled = false;
}

async function act(job, action) {
  try {
    showJobs((await post(`/api/jobs/${job.id}`, { action })).jobs);
  } catch (error) {
    say(error.message);
  }
}

function showJobs(now) {
  const finished = now.filter((job) => job.state === "done" && jobs.some((old) => old.id === job.id && old.state !== "done"));
  jobs = now;
  const open = jobs.filter((job) => job.state !== "done");
  find("busy").hidden = open.length === 0;
  find("busy").textContent = String(open.length);
  find("no-jobs").hidden = jobs.length > 0;
  const list = find("jobs");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const focused = document.activeElement?.dataset?.action ? [document.activeElement.closest("li").dataset.id, document.activeElement.dataset.action] : null;
  list.replaceChildren(...jobs.map((job) => jobItem(job, open, known.get(job.id))));
  if (focused) list.querySelector(`li[data-id="${focused[0]}"] [data-action="${focused[1]}"]`)?.focus();
  for (const job of finished) {
    say(`${job.output} is finished.`, job.result ? { label: "Play", run: () => play(job.result) } : null);
    loadFiles().catch(() => {});
  }
}

function jobItem(job, open, old) {
  const place = open.findIndex((each) => each.id === job.id);
  const image = old?.querySelector("img") ?? make("img", { alt: "" });
  const address = job.result ? `/api/files/${job.result}/frame?longest=240` : `/api/jobs/${job.id}/frame?at=${Math.floor(job.done / 12)}`;
  if (image.dataset.address !== address) {
    image.dataset.address = address;
    const next = new Image();
    next.addEventListener("load", () => { image.src = next.src; image.hidden = false; });
    next.src = address;
  }
  image.hidden = !image.src;
  const button = (action, text, label) => {
    const element = make("button", { type: "button", "aria-label": `${label ?? text} ${job.output}` }, text);
    element.dataset.action = action;
    element.addEventListener("click", () => act(job, action));
    return element;
  };
  const actions = [];
  if (job.state === "running" || job.state === "waiting") actions.push(button("pause", "Pause"));
  if (job.state === "paused" || job.state === "failed") actions.push(button("go on", "Go on"));
  if (job.state === "failed") actions.push(button("start over", "Start over"));
  if (place > 0) actions.push(button("up", "↑", "Move up"));
  if (place >= 0 && place < open.length - 1) actions.push(button("down", "↓", "Move down"));
  if (job.result) {
    const show = make("button", { type: "button", "aria-label": `Play ${job.output}` }, "Play");
    show.addEventListener("click", () => play(job.result));
    actions.push(show);
  }
  const cancel = make("button", { type: "button", "aria-label": `${job.state === "done" ? "Take off the list" : "Cancel"} ${job.output}` }, job.state === "done" ? "Take off the list" : "Cancel");
  cancel.dataset.action = "cancel";
  cancel.addEventListener("click", () => {
    if (job.state === "done" || !job.done || confirm(`Cancel ${job.output}? Its ${job.done} dreamed frames are thrown away.`)) act(job, "cancel");
  });
  actions.push(cancel);
  const count = job.frames ? `${job.done} of ${job.frames} frames` : job.done ? `${job.done} frames` : "";
  const left = job.state === "running" && job.seconds_left ? `about ${clock(job.seconds_left).replace(/\.\d$/, "")} left` : "";
  const state = job.state === "running" && !job.frames ? "starting" : job.state === "running" && job.done === job.frames ? "encoding" : WORDS[job.state];
  const item = make("li", { class: "job" },
    make("div", {}, image),
    make("div", {}, make("b", {}, job.output),
      make("p", { class: "what" }, [state, count, left].filter(Boolean).join(" · ")),
      job.state !== "done" && job.frames ? make("progress", { max: job.frames, value: job.done, "aria-label": `Progress of ${job.output}` }) : null,
      job.error ? make("p", { class: "error" }, job.error) : null,
      ...job.notes.map((note) => make("p", { class: "what" }, note))),
    make("div", { class: "actions" }, ...actions));
  item.dataset.id = job.id;
  return item;
}

function showResults(files) {
  const dreamed = files.filter((file) => file.dreamed);
  find("no-results").hidden = dreamed.length > 0;
  find("results").replaceChildren(...dreamed.map((file) => {
    const open = make("button", { type: "button", class: "open", "aria-label": `Play ${file.name}` },
      make("img", { src: `/api/files/${file.id}/frame?longest=320&v=${file.changed}`, alt: "", loading: "lazy", decoding: "async" }),
      make("span", { class: "name" }, file.name));
    open.addEventListener("click", () => play(file.id));
    const back = make("button", { type: "button", "aria-label": `Bring back the look of ${file.name}` }, "Its look");
    back.addEventListener("click", async () => { await restore(file.id); location.hash = "#look"; });
    const facts = [file.seconds ? clock(file.seconds) : "", `${file.width}×${file.height}`, bytes(file.bytes), file.sound ? "with sound" : ""].filter(Boolean).join(" · ");
    const save = file.kind === "folder" ? null : make("a", { class: "button", href: `/api/files/${file.id}/content?download`, "aria-label": `Download ${file.name}` }, "Download");
    return make("li", { class: "result" }, open, make("small", {}, facts), make("div", { class: "actions" }, back, save));
  }));
}
