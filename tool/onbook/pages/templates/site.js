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

  if (!box) return;
  const table = document.getElementById("prompts");
  const body = table ? table.tBodies[0] : null;
  const told = document.getElementById("told");
  const clear = document.getElementById("clear");
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

  const show = () => {
    const words = plain(box.value).split(/\s+/).filter(Boolean);
    const chosen = facets.filter((each) => each.value).map((each) => [each.dataset.facet, each.value]);
    const shown = [];
    for (const item of rows) {
      let score = 1;
      for (const [facet, value] of chosen) if (!item.facets[facet].includes(value)) { score = 0; break; }
      for (const word of score ? words : []) {
        const found = weight(item, word);
        if (!found) { score = 0; break; }
        score += found;
      }
      item.score = score;
      if (score) shown.push(item);
      if (item.row.hidden === !!score) item.row.hidden = !score;
    }
    const order = words.length ? (a, b) => b.score - a.score || a.order - b.order : (a, b) => a.order - b.order;
    shown.sort(order);
    // Moved only where they stand in another order than before: most filters only hide.
    let last = -1, sorted = true;
    for (const item of shown) { if (item.place < last) { sorted = false; break; } last = item.place; }
    if (!sorted) body.append(...shown.map((item) => item.row));
    [...(body ? body.rows : [])].forEach((row, place) => { places.get(row).place = place; });
    const all = rows.length;
    told.textContent = words.length || chosen.length ? `${shown.length} of ${all} prompts` : `${all} prompts`;
    clear.hidden = !words.length && !chosen.length;
    if (none) none.hidden = shown.length > 0;
    if (table) table.hidden = shown.length === 0;
    remember(chosen);
    return shown;
  };
  const places = new Map(rows.map((item) => [item.row, item]));
  rows.forEach((item) => { item.place = item.order; });

  // What is searched for stands in the address, so that it can be sent to somebody.
  const remember = (chosen) => {
    const parts = new URLSearchParams(chosen);
    if (box.value) parts.set("q", box.value);
    const hash = parts.toString();
    if (location.hash.slice(1) !== hash) history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  };
  const recall = () => {
    if (location.hash === "#find") { box.focus(); return show(); }
    const parts = new URLSearchParams(location.hash.slice(1));
    box.value = parts.get("q") || "";
    for (const each of facets) {
      each.value = parts.get(each.dataset.facet) || "";
      if (each.selectedIndex < 0) each.value = "";
    }
    return show();
  };

  const step = (event, from, by) => {
    const links = rows.filter((item) => item.score).sort((a, b) => a.place - b.place).map((item) => item.link);
    const at = links.indexOf(from) + by;
    if (at < -1 || at >= links.length) return;
    event.preventDefault();
    (at < 0 ? box : links[at]).focus();
  };
  box.addEventListener("input", show);
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") step(event, null, 1);
    if (event.key === "Escape") { box.value = ""; show(); }
    if (event.key === "Enter") {
      const first = rows.filter((item) => item.score).sort((a, b) => a.place - b.place)[0];
      if (first && box.value.trim()) first.link.click();
    }
  });
  if (body) body.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") step(event, event.target, 1);
    if (event.key === "ArrowUp") step(event, event.target, -1);
    if (event.key === "Escape") box.focus();
  });
  for (const each of facets) each.addEventListener("change", show);
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
