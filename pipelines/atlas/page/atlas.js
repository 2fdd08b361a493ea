"use strict";
(() => {
  const units = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const items = [...document.querySelectorAll(".tiles > li")];
  const sections = [...document.querySelectorAll("main section")];
  const links = [...document.querySelectorAll(".layers a")];
  const dialog = find("unit");
  const byAnchor = new Map(items.map((item) => [anchorOf(item), item]));  // as in the address
  let shown = null;

  function anchorOf(item) {
    return decode(item.querySelector("a").getAttribute("href").slice(1));
  }

  function decode(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  function isVisible(item) {
    return !item.hidden && !item.closest("section").hidden;
  }

  // Search and order

  function matches(item, term) {
    const unit = units[item.dataset.index];
    return /^#?\d+$/.test(term) ? unit.unit === Number(term.replace("#", "")) : unit.words.includes(term);
  }

  function filter() {
    const terms = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach((item) => { item.hidden = !terms.every((term) => matches(item, term)); });
    sections.forEach((section, index) => {
      section.hidden = !section.querySelector(".tiles > li:not([hidden])");
      links[index].parentElement.hidden = section.hidden;
    });
    const count = items.filter((item) => !item.hidden).length;
    const plural = items.length === 1 ? "picture" : "pictures";
    find("found").textContent = count === items.length ? `${count} ${plural}` : `${count} of ${items.length} ${plural}`;
    find("nothing").hidden = count > 0;
    rove();
  }

  function sort(key) {
    const value = (item) => {
      const unit = units[item.dataset.index];
      return key === "activation" ? -(unit.activation ?? -Infinity) : key === "unit" ? unit.unit : Number(item.dataset.index);
    };
    document.querySelectorAll(".tiles").forEach((list) => {
      list.append(...[...list.children].sort((a, b) => value(a) - value(b) || a.dataset.index - b.dataset.index));
    });
    items.splice(0, items.length, ...document.querySelectorAll(".tiles > li"));
    rove();
  }

  // Arrow keys in the grid: one tile of each layer is a tab stop

  function rove(target) {
    sections.forEach((section) => {
      const tiles = [...section.querySelectorAll(".tiles > li:not([hidden]) > a")];
      const kept = tiles.includes(target) ? target : tiles.find((tile) => tile.tabIndex === 0 && tile.dataset.stop) ?? tiles[0];
      section.querySelectorAll(".tiles a").forEach((tile) => {
        tile.tabIndex = tile === kept ? 0 : -1;
        if (tile === kept) tile.dataset.stop = "1"; else delete tile.dataset.stop;
      });
    });
  }

  function move(tile, key) {
    const tiles = items.filter(isVisible).map((item) => item.querySelector("a"));
    const at = tiles.indexOf(tile);
    if (key === "ArrowRight" || key === "ArrowLeft") return tiles[at + (key === "ArrowRight" ? 1 : -1)];
    const own = tiles.filter((other) => other.closest("section") === tile.closest("section"));
    if (key === "Home" || key === "End") return key === "Home" ? own[0] : own[own.length - 1];
    const box = tile.getBoundingClientRect();
    const down = key === "ArrowDown";
    let best = null, least = Infinity;
    for (const other of tiles) {
      const next = other.getBoundingClientRect();
      const dy = down ? next.top - box.top : box.top - next.top;
      const distance = dy * 4 + Math.abs(next.left - box.left);
      if (dy > 2 && distance < least) [best, least] = [other, distance];
    }
    return best;
  }

  document.querySelector("main").addEventListener("keydown", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const next = move(tile, event.key);
    if (next) { rove(next); next.focus(); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !dialog.open && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      event.preventDefault();
      find("search").focus();
    }
  });

  // One unit, enlarged

  function number(value) {
    return Number(value.toPrecision(3)).toString();
  }

  function show(item) {
    const unit = units[item.dataset.index];
    shown = item;
    const image = find("unit-image");
    const [tile, ...patches] = [...item.querySelectorAll("img")].map((each) => each.src);
    image.src = tile;
    image.alt = `${unit.layer} ${unit.title}, enlarged`;
    find("unit-title").textContent = unit.heading;
    find("unit-layer").textContent = unit.about;
    find("unit-reason").textContent = unit.reason;
    find("unit-reason").hidden = !unit.reason;
    const facts = [[unit.score_of, `${number(unit.score)}, ${number(unit.start)} at the start`]];
    if (unit.activation !== null) facts.push([unit.activation_of, number(unit.activation)]);
    if (unit.attempts > 1) facts.push(["starts tried", String(unit.attempts)]);
    find("unit-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
    find("unit-objective").textContent = unit.objective;
    find("unit-command").textContent = unit.command;
    find("unit-preset").textContent = unit.preset;
    find("unit-download").href = "data:application/yaml;charset=utf-8," + encodeURIComponent(unit.preset);
    find("unit-download").download = unit.file;
    find("unit-examples").hidden = unit.examples.length === 0;
    find("unit-examples").querySelector("ol").replaceChildren(...unit.examples.map((example, rank) => patch(example, patches[rank])));
    find("unit-status").textContent = "";
    const visible = items.filter(isVisible);
    find("unit-previous").disabled = visible.indexOf(item) <= 0;
    find("unit-next").disabled = visible.indexOf(item) === visible.length - 1;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    find("unit-title").focus();
  }

  function make(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  function patch(example, source) {
    const entry = document.createElement("li");
    const image = document.createElement("img");
    const place = example.when || example.file;
    image.src = source;
    image.alt = `Patch at ${place}`;
    const text = make("span", place);
    text.title = `${example.file}: activation ${number(example.activation)}`;
    entry.append(image, text);
    return entry;
  }

  function step(by) {
    const visible = items.filter(isVisible);
    const next = visible[visible.indexOf(shown) + by];
    if (!next) return;
    history.replaceState(null, "", next.querySelector("a").getAttribute("href"));
    show(next);
  }

  function follow() {
    const item = byAnchor.get(decode(location.hash.slice(1)));
    if (item) {
      if (!isVisible(item)) { find("search").value = ""; filter(); }
      item.scrollIntoView({ block: "center" });
      show(item);
    } else if (dialog.open) {
      dialog.close();
    }
  }

  dialog.addEventListener("close", () => {
    if (!shown) return;
    const tile = shown.querySelector("a");
    shown = null;
    if (byAnchor.has(decode(location.hash.slice(1)))) {
      history.replaceState(null, "", "#" + tile.closest("section").id);
    }
    rove(tile);
    tile.focus();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.tagName === "PRE") return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  find("unit-close").addEventListener("click", () => dialog.close());
  find("unit-previous").addEventListener("click", () => step(-1));
  find("unit-next").addEventListener("click", () => step(1));
  find("unit-link").addEventListener("click", () => copy(location.href, "The link"));
  document.querySelectorAll("[data-copy]").forEach((button) => {
    const names = { "unit-objective": "The objective", "unit-command": "The command", "unit-preset": "The preset" };
    button.addEventListener("click", () => copy(find(button.dataset.copy).textContent, names[button.dataset.copy]));
    button.setAttribute("aria-label", `Copy ${names[button.dataset.copy].toLowerCase()}`);
  });

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      dialog.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    find("unit-status").textContent = `${what} is copied.`;
  }

  // What is remembered, and where one is

  function remember(key, value) {
    try { localStorage.setItem(`dreamvid-atlas-${key}`, value); } catch { /* a browser may refuse */ }
  }

  function recall(key) {
    try { return localStorage.getItem(`dreamvid-atlas-${key}`); } catch { return null; }
  }

  function setZoom(value) {
    document.documentElement.style.setProperty("--tile", `${value}rem`);
  }

  find("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const isLight = getComputedStyle(root).colorScheme === "light";
    root.dataset.theme = isLight ? "dark" : "light";
    remember("theme", root.dataset.theme);
  });
  find("zoom").addEventListener("input", (event) => { setZoom(event.target.value); remember("zoom", event.target.value); });
  find("search").addEventListener("input", filter);
  find("order")?.addEventListener("change", (event) => sort(event.target.value));
  window.addEventListener("hashchange", follow);
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const link = links[sections.indexOf(entry.target)];
      if (entry.isIntersecting) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-30% 0px -60% 0px" });
  sections.forEach((section) => watch.observe(section));

  if (/^(light|dark)$/.test(recall("theme") ?? "")) document.documentElement.dataset.theme = recall("theme");
  if (/^\d+$/.test(recall("zoom") ?? "")) { find("zoom").value = recall("zoom"); setZoom(recall("zoom")); }
  document.querySelector(".tools").hidden = false;
  filter();
  follow();
})();
