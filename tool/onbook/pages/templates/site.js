"use strict";
// The catalogue's own script: search on the list, and buttons that copy. Nothing here writes markup: only text.
(() => {
  const home = document.getElementById("home");
  const box = document.getElementById("q");

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (box) { box.focus(); box.select(); } else if (home) location.href = home.href + "#find";
  });

  for (const block of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + block.getAttribute("aria-label"));
    button.addEventListener("click", async () => {
      let done = false;
      try {
        await navigator.clipboard.writeText(block.textContent);
        done = true;
      } catch {
        // Where a page may not write the clipboard, the reader still can.
        const range = document.createRange();
        range.selectNodeContents(block);
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        try { done = document.execCommand("copy"); } catch { done = false; }
      }
      button.textContent = done ? "Copied" : "Selected: copy it";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.after(button);
  }

  // What scrolls is reached by the keyboard, and what does not is no stop on the way.
  const reach = () => {
    for (const each of document.querySelectorAll(".text, .scroll")) {
      const scrolls = each.scrollHeight > each.clientHeight + 1 || each.scrollWidth > each.clientWidth + 1;
      if (scrolls) each.tabIndex = 0; else each.removeAttribute("tabindex");
    }
  };
  reach();
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);

  if (!box) return;
  const table = document.getElementById("prompts");
  const body = table ? table.tBodies[0] : null;
  const told = document.getElementById("told");
  const clear = document.getElementById("clear");
  const more = document.getElementById("more");
  const none = document.getElementById("none");
  const facets = [...document.querySelectorAll("[data-facet]")];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const rows = [...(body ? body.rows : [])].map((row, order) => {
    const id = row.querySelector(".id");
    const link = row.querySelector("a");
    const about = row.querySelector("p");
    const title = plain(link.textContent);
    return {
      row, order, link, title,
      id: id ? plain(id.textContent) : title,
      about: about ? plain(about.textContent) : "",
      rest: plain(row.dataset.owner + " " + row.dataset.words),
      facets: Object.fromEntries(facets.map((each) => [each.dataset.facet, row.dataset[each.dataset.facet].split("\n")])),
    };
  });

  // How well a prompt matches a word; 0: not at all.
  const weight = (item, word) => {
    if (item.id === word || item.title === word) return 100;
    let found = 0;
    if (item.title.startsWith(word) || item.id.startsWith(word) || item.id.includes("/" + word)) found += 20;
    if (item.title.includes(word)) found += 10;
    if (item.id.includes(word)) found += 8;
    if (item.rest.includes(word)) found += 4;
    if (item.about.includes(word)) found += 2;
    return found;
  };

  const number = (count) => count.toLocaleString("en");
  const FIRST = 100; // as in site.css
  let everything = false;
  let found = rows;

  const show = () => {
    const words = plain(box.value).split(/\s+/).filter(Boolean);
    const chosen = facets.filter((each) => each.value).map((each) => [each.dataset.facet, each.value]);
    const shown = [];
    for (const item of rows) {
      let score = 1;
      for (const [facet, value] of chosen) if (!item.facets[facet].includes(value)) { score = 0; break; }
      for (const word of score ? words : []) {
        const hit = weight(item, word);
        if (!hit) { score = 0; break; }
        score += hit;
      }
      if (score) { item.score = score; shown.push(item); }
    }
    if (words.length) shown.sort((a, b) => b.score - a.score || a.order - b.order);
    // Laying out thousands of rows is what takes time: at first the style sheet shows those at the top alone.
    found = everything ? shown : shown.slice(0, FIRST);
    const wanted = new Set(found);
    for (const item of rows) if (item.row.hidden === wanted.has(item)) item.row.hidden = !item.row.hidden;
    if (body) {
      body.classList.toggle("everything", everything);
      body.prepend(...found.map((item) => item.row));
    }
    const all = rows.length;
    const narrowed = words.length || chosen.length;
    told.textContent = (narrowed ? `${number(shown.length)} of ${number(all)} prompts` : `${number(all)} prompts`)
      + (found.length < shown.length ? `, the first ${found.length} shown` : "");
    clear.hidden = !narrowed;
    more.hidden = found.length === shown.length;
    more.textContent = `Show all ${number(shown.length)}`;
    if (none) none.hidden = shown.length > 0;
    if (table) table.hidden = shown.length === 0;
    remember(chosen);
  };

  // What is searched for stands in the address, so that it can be sent to somebody.
  const remember = (chosen) => {
    const parts = new URLSearchParams(chosen);
    if (box.value) parts.set("q", box.value);
    const hash = parts.toString();
    if (location.hash.slice(1) !== hash) history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  };
  const recall = () => {
    if (location.hash === "#find") { box.focus(); show(); return; }
    const parts = new URLSearchParams(location.hash.slice(1));
    box.value = parts.get("q") || "";
    for (const each of facets) {
      each.value = parts.get(each.dataset.facet) || "";
      if (each.selectedIndex < 0) each.value = "";
    }
    show();
  };

  const step = (event, from, by) => {
    const links = found.map((item) => item.link);
    const at = links.indexOf(from) + by;
    if (at < -1 || at >= links.length) return;
    event.preventDefault();
    (at < 0 ? box : links[at]).focus();
  };
  box.addEventListener("input", () => { everything = false; show(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") step(event, null, 1);
    if (event.key === "Escape") { box.value = ""; show(); }
    if (event.key === "Enter") {
      if (found.length && box.value.trim()) found[0].link.click();
    }
  });
  if (body) body.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") step(event, event.target, 1);
    if (event.key === "ArrowUp") step(event, event.target, -1);
    if (event.key === "Escape") box.focus();
  });
  for (const each of facets) each.addEventListener("change", () => { everything = false; show(); });
  more.addEventListener("click", () => {
    const next = found.length;
    everything = true;
    show();
    found[next].link.focus();
  });
  clear.addEventListener("click", () => {
    box.value = "";
    for (const each of facets) each.value = "";
    show();
    box.focus();
  });
  addEventListener("hashchange", recall);
  document.getElementById("finder").hidden = false;
  document.getElementById("telling").hidden = false;
  recall();
})();
