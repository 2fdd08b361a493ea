/** The look as text: YAML to read, edit, copy and download, and the command line that renders it. */

import { post } from "./api.js";
import { find, later, make, say } from "./elements.js";
import { look, onChange, replaceLook } from "./look.js";

let edited = false;

export function buildText() {
  const text = find("yaml");
  find("share").addEventListener("toggle", showLook);
  onChange((what) => { if (what !== "time" || look.values.pipeline === "zoom") showLook(); });
  text.addEventListener("input", () => { edited = true; find("use-text").disabled = false; check(); });
  find("use-text").addEventListener("click", () => useText(text.value));
  find("copy-text").addEventListener("click", () => copy(text.value, "The preset"));
  find("copy-command").addEventListener("click", () => copy(find("command").textContent, "The command line"));
  find("save-text").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([text.value], { type: "application/yaml" }));
    find("save-text").href = address;
    find("save-text").download = `${look.name}.yaml`;
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
}

/** Read a preset's text, show what is wrong with it, or take it over. */
export async function useText(text, name = look.name) {
  find("yaml").value = text;
  try {
    const read = await post("/api/look/text", { text });
    edited = false;
    find("use-text").disabled = true;
    showMistakes([]);
    replaceLook({ values: { pipeline: look.values.pipeline ?? "video", ...read.values }, name });
    say("The text is taken over.");
  } catch (error) {
    edited = true;
    find("share").open = true;
    showMistakes(error.mistakes);
    if (!error.mistakes.length) say(error.message);
  }
}

const showLook = later(250, async () => {
  if (!find("share").open || edited) return;
  try {
    const shown = await post("/api/look", { values: look.values, source: look.source, time: look.time });
    if (edited) return;
    find("yaml").value = shown.yaml;
    find("command").textContent = shown.command;
    showMistakes([]);
  } catch (error) {
    find("command").textContent = error.message;
  }
});

const check = later(350, async () => {
  const text = find("yaml").value;
  try {
    await post("/api/look/text", { text });
    if (text === find("yaml").value) showMistakes([], "Good.");
  } catch (error) {
    if (text === find("yaml").value) showMistakes(error.mistakes, error.mistakes.length ? "" : error.message);
  }
});

function showMistakes(mistakes, state = "") {
  find("yaml-state").textContent = mistakes.length ? `${mistakes.length} to mend` : state;
  find("mistakes").replaceChildren(...mistakes.map(({ line, column, text }) => {
    const button = make("button", { type: "button" }, `${line}:${column}: ${text}`);
    button.addEventListener("click", () => goTo(line, column));
    return make("li", {}, button);
  }));
}

function goTo(line, column) {
  const text = find("yaml");
  const before = text.value.split("\n").slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  text.focus();
  text.setSelectionRange(before + column - 1, before + column - 1);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is copied.`);
  } catch {
    say("The browser does not allow copying; select the text instead.");
  }
}
