"use strict";
// The table of cases, its filters, and labels. Every text is put on the page as text, never as markup.
(() => {
  const source = document.getElementById("data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const $ = (id) => document.getElementById(id);
  const PAGE = 100;
  const MAX_PRODUCT = 400000; // of the words of two texts that are compared word by word
  const text = (at) => (at === null || at === undefined ? null : data.texts[at]);

  const el = (tag, set, ...inner) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(set || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "on") for (const [event, does] of Object.entries(value)) made.addEventListener(event, does);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...inner.flat().filter((each) => each !== null && each !== undefined && each !== ""));
    return made;
  };

  // --- rows: one a case, with its answers by model and repeat
  const rank = Object.fromEntries(Object.keys(data.kinds).map((kind, place) => [kind, place]));
  const prompts = [...new Set(data.units.map((unit) => unit.prompt))];
  const models = [...new Set(data.units.filter((unit, place) => data.answers.some((each) => each.unit === place)).map((unit) => unit.model))];
  const byCase = new Map();
  for (const answer of data.answers) {
    const unit = data.units[answer.unit];
    answer.model = unit.model;
    answer.id = `${answer.unit} ${answer.key} ${answer.case}`;
    const name = `${unit.prompt} ${answer.case}`;
    if (!byCase.has(name)) byCase.set(name, { prompt: unit.prompt, name: answer.case, answers: [], order: byCase.size });
    byCase.get(name).answers.push(answer);
  }
  const rows = [...byCase.values()];
  for (const row of rows) row.answers.sort((a, b) => models.indexOf(a.model) - models.indexOf(b.model) || a.repeat - b.repeat);
  const several = { prompts: prompts.length > 1, models: models.length > 1 };
  const columns = models.length <= 3 && rows.some((row) => row.answers.some((each) => each.model !== row.answers[0].model)) ? models : null;
  const timed = data.answers.some((each) => each.ms > 0);
  const priced = data.answers.some((each) => each.usd > 0);
  const changed = (answer) => answer.old !== null && (answer.old.text !== answer.text || answer.old.state !== stateOf(answer));
  const stateOf = (answer) => ({ known: "failed", surprise: "passed", doubted: "failed" })[answer.kind] || answer.kind;
  const compared = data.answers.some((answer) => answer.old !== null);

  // --- what is looked at
  const wanted = { kind: "", prompt: "", model: "", words: "", changed: false, unlabelled: false, blind: false };
  let shown = []; // the rows that pass the filters
  let drawn = 0; // how many of them stand in the table
  let open = null; // the row that is open, as its <tr>
  const told = new Map(); // the row of each <tr>

  const seen = (row) => (wanted.model ? row.answers.filter((answer) => answer.model === wanted.model) : row.answers);
  const worst = (answers) => answers.reduce((kind, each) => (rank[each.kind] < rank[kind] ? each.kind : kind), answers[0].kind);
  const haystack = (row) => {
    if (row.words === undefined) {
      const parts = [row.name, row.prompt];
      for (const each of row.answers) {
        parts.push(each.model, each.why, each.xfail || "", text(each.text) || "", text(each.inputs) || "", text(each.expected) || "");
        for (const step of each.steps || []) parts.push(text(step.text) || "");
        if (each.old) parts.push(text(each.old.text) || "", each.old.why);
        for (const side of [each, each.old || {}]) {
          for (const [, , said] of side.judges || []) parts.push(text(said) || "");
          for (const [, , , note] of side.marks || []) parts.push(note || "");
        }
      }
      row.words = parts.join("\n").toLowerCase();
    }
    return row.words;
  };
  const passes = (row, withKind = true) => {
    if (wanted.prompt && row.prompt !== wanted.prompt) return false;
    const answers = seen(row);
    if (!answers.length) return false;
    if (wanted.changed && !answers.some(changed)) return false;
    if (wanted.unlabelled && !answers.some((each) => each.key && !labels.has(each.id))) return false;
    if (withKind && !ofKind(worst(answers), wanted.kind)) return false;
    return !wanted.words || haystack(row).includes(wanted.words);
  };
  const ofKind = (kind, asked) => (asked === "" ? true : asked === "not" ? !["passed", "known"].includes(kind) : kind === asked);

  const look = () => {
    shown = rows.filter((row) => passes(row));
    if (wanted.blind) shown.sort((a, b) => (a.prompt + " " + a.name < b.prompt + " " + b.name ? -1 : 1));
    else shown.sort((a, b) => rank[worst(seen(a))] - rank[worst(seen(b))] || a.order - b.order);
    $("rows").replaceChildren();
    told.clear();
    open = null;
    drawn = 0;
    $("count").textContent = `${number(shown.length)} of ${number(rows.length)} ${rows.length === 1 ? "case" : "cases"}`;
    chips();
    draw();
  };
  const draw = (upTo = drawn + PAGE) => {
    const part = document.createDocumentFragment();
    for (; drawn < Math.min(upTo, shown.length); drawn += 1) part.append(line(shown[drawn]));
    $("rows").append(part);
    $("more").hidden = drawn >= shown.length;
    $("more").textContent = `Show more (${number(shown.length - drawn)} left)`;
    $("left").textContent = drawn < shown.length ? `and ${number(shown.length - drawn)} more cases, which are not printed` : "";
  };
  const number = (value) => value.toLocaleString("en");

  // --- one row
  const badge = (kind) => el("span", { class: `badge ${data.kinds[kind][1]}` }, data.kinds[kind][0]);
  const state = (answers) => {
    if (!answers.length) return [el("span", { class: "soft" }, "not run")];
    const kind = worst(answers);
    const found = wanted.blind ? [el("span", { class: "soft" }, "hidden")] : [badge(kind)];
    const like = answers.filter((each) => each.kind === kind).length;
    if (!wanted.blind && answers.length > 1) found.push(el("span", { class: "moved" }, `${like} of ${answers.length} answers`));
    if (!wanted.blind && answers.some(changed)) {
      const moved = answers.find((each) => each.old && each.old.state !== stateOf(each));
      found.push(el("span", { class: "moved" }, moved ? `${data.sides ? `${data.sides[0]}:` : "was"} ${stateWord(moved.old.state)}` : data.sides ? "another text" : "reworded"));
    }
    const marks = answers.map((each) => labels.get(each.id)).filter(Boolean);
    for (const mark of marks) found.push(el("span", { class: `marked ${mark.label}` }, ` ${mark.label}`));
    return found;
  };
  const [BEFORE, NOW] = data.sides || ["Before", "Now"];
  const stateWord = (name) => (data.kinds[name] ? data.kinds[name][0] : name);
  const line = (row) => {
    const answers = seen(row);
    const button = el("button", { type: "button", class: "open-row", "aria-expanded": "false" }, row.name);
    const cells = columns && !wanted.model
      ? columns.map((model) => el("td", { class: "c-state" }, el("span", { class: "column-name" }, `${model}: `), state(answers.filter((each) => each.model === model))))
      : [el("td", { class: "c-state" }, state(answers))];
    const why = wanted.blind ? "" : (answers.find((each) => each.kind === worst(answers)) || answers[0]).why || answers[0].xfail || "";
    const made = el("tr", { class: "row" },
      el("th", { scope: "row" }, button, several.prompts ? el("small", {}, row.prompt) : null),
      cells,
      el("td", {}, el("span", { class: "why said" }, why)),
      timed ? el("td", { class: "number" }, middle(answers.map((each) => each.ms), milliseconds)) : null,
      priced ? el("td", { class: "number" }, middle(answers.map((each) => each.usd), dollars)) : null);
    button.addEventListener("click", () => toggle(made));
    told.set(made, row);
    return made;
  };
  const middle = (values, words) => {
    const known = values.filter((value) => typeof value === "number" && value > 0);
    return known.length ? words(known.reduce((sum, each) => sum + each, 0) / known.length) : "";
  };
  const milliseconds = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`);
  const dollars = (value) => (value >= 1 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(2))}`);
  const refresh = (made) => {
    const fresh = line(told.get(made));
    told.delete(fresh);
    const focused = made.contains(document.activeElement);
    const cells = [...made.querySelectorAll(".c-state")];
    [...fresh.querySelectorAll(".c-state")].forEach((cell, place) => cells[place].replaceChildren(...cell.childNodes));
    if (focused) made.querySelector(".open-row").focus();
  };

  // --- an open row
  const toggle = (made) => {
    if (open === made) return shut();
    shut();
    made.querySelector(".open-row").setAttribute("aria-expanded", "true");
    const wide = el("td", { colspan: String(made.children.length) }, inside(told.get(made)));
    made.after(el("tr", { class: "detail" }, wide));
    open = made;
  };
  const shut = () => {
    if (!open) return;
    open.querySelector(".open-row").setAttribute("aria-expanded", "false");
    open.nextSibling.remove();
    open = null;
  };
  const block = (title, inner, scrolls = true) =>
    el("div", {}, el("h4", {}, title), el("pre", { class: "text", tabindex: scrolls ? "0" : null, role: scrolls ? "group" : null, "aria-label": scrolls ? title : null }, inner));
  const inside = (row) => {
    const answers = seen(row);
    const first = answers[0];
    const made = el("div", { class: "inside" });
    if (first.xfail && !wanted.blind) made.append(el("p", { class: "said" }, `Known to fail: ${first.xfail}`));
    if (text(first.inputs) !== null) made.append(block("Inputs", text(first.inputs)));
    if (text(first.expected) !== null) made.append(block("Expected", text(first.expected)));
    if (first.messages.length && !answers.some((each) => each.steps)) {
      const sent = el("details", {}, el("summary", {}, `What the model was sent (${first.messages.length} ${first.messages.length === 1 ? "message" : "messages"})`));
      for (const [role, at] of first.messages) sent.append(block(role, text(at)));
      made.append(sent);
    }
    for (const each of answers) made.append(answer(each, answers.length > 1));
    return made;
  };
  const answer = (each, many) => {
    const made = el("div", { class: "answer" });
    made.answer = each;
    const head = el("div", { class: "answer-head" }, wanted.blind ? null : badge(each.kind), el("strong", {}, each.model));
    if (many && each.repeat) head.append(el("span", { class: "soft" }, `repeat ${each.repeat + 1}`));
    const facts = timesAndCost(each);
    if (each.drift) facts.push({ same: "as recorded", text: "other text than recorded", verdict: "other verdict than recorded", new: "not recorded" }[each.drift]);
    head.append(el("span", { class: "soft" }, facts.filter(Boolean).join(" · ")));
    made.append(head);
    if (each.why && !wanted.blind) made.append(el("p", { class: "said" }, each.why));
    if (each.steps) made.append(chain(each));
    const now = text(each.text);
    const old = each.old ? text(each.old.text) : null;
    if (each.old && old !== null && now !== null && old !== now) {
      const [left, right] = words(old, now);
      const before = `${BEFORE}${wanted.blind ? "" : `: ${stateWord(each.old.state)}`}${each.old.model === each.model ? "" : ` on ${each.old.model}`}`;
      made.append(el("div", { class: "sides" }, block(before, left), block(NOW, right)));
    } else if (each.old && old !== null && now === null) {
      made.append(el("div", { class: "sides" }, block(BEFORE, old), block(NOW, "(no answer)", false)));
    } else if (now !== null) {
      made.append(block(each.old && old === now ? data.sides ? "Answer of both" : "Answer, the same as before" : "Answer", now === "" ? "(an empty answer)" : now));
    }
    if (!wanted.blind) made.append(...spoken(each));
    if (each.cut.length) {
      const gone = now === null ? "left out" : "shortened";
      made.append(el("p", { class: "soft" }, `The texts are too long for this page: ${each.cut.join(", ")} ${gone}.`));
    }
    if (each.key) made.append(labelling(each, made));
    return made;
  };

  const folded = (title, ...inner) => el("details", {}, el("summary", {}, title), ...inner);
  const timesAndCost = (each) => [typeof each.ms === "number" && each.ms > 0 ? milliseconds(each.ms) : "", typeof each.usd === "number" && each.usd > 0 ? dollars(each.usd) : ""];
  // Each step that was asked, with what it was sent and what it answered; the answer of the last stands below.
  const chain = (each) => {
    const count = each.steps.length + each.ahead.length;
    const steps = each.steps.map((step) => {
      const made = el("li", {}, el("p", { class: "answer-head" }, el("strong", {}, step.name),
        el("span", { class: "soft" }, [step.prompt && step.prompt !== step.name ? step.prompt : "", step.model, ...timesAndCost(step)].filter(Boolean).join(" · "))));
      for (const [role, at] of step.messages) made.append(block(`Sent to ${step.name}: ${role}`, text(at)));
      const now = text(step.text), old = text(step.old);
      if (step.graded) made.append(el("p", { class: "soft" }, "Its answer stands below: it is the one that is graded."));
      else if (now === null) made.append(el("p", { class: "soft" }, each.cut.includes("steps") ? "Its texts are too long for this page." : "It is not recorded, so the chain ends here."));
      else if (old !== null && old !== now) {
        const [left, right] = words(old, now);
        made.append(el("div", { class: "sides" }, block(`${BEFORE}: answer of ${step.name}`, left), block(`${NOW}: answer of ${step.name}`, right)));
      } else made.append(block(`Answer of ${step.name}`, now === "" ? "(an empty answer)" : now));
      return made;
    });
    for (const name of each.ahead) steps.push(el("li", {}, el("p", { class: "answer-head" }, el("strong", {}, name), el("span", { class: "soft" }, "not asked"))));
    return folded(`The chain, step by step (${count} steps)`, el("ol", { class: "chain" }, steps));
  };
  // What judges said in their own words, and what people said of the answer before this page was written.
  const spoken = (each) => {
    const sides = [[each, each.old ? `${NOW}: ` : ""], [each.old || {}, `${BEFORE}: `]];
    const made = [];
    const judges = sides.flatMap(([side, when]) => (side.judges || []).map(([name, model, said]) => block(`${when}${name} on ${model}`, text(said))));
    if (judges.length) made.push(folded(judges.length === 1 ? "What a judge said" : `What judges said (${judges.length})`, judges));
    const marks = sides.flatMap(([side, when]) => (side.marks || []).map((given) => [when, ...given]));
    if (marks.length) {
      const counted = ["good", "bad"].map((label) => [marks.filter((given) => given[1] === label).length, label]).filter(([count]) => count);
      made.push(folded(`Labels given earlier: ${counted.map(([count, label]) => `${number(count)} ${label}`).join(", ")}`,
        el("ul", { class: "given" }, marks.map(([when, label, by, at, note]) => el("li", {},
          when, el("span", { class: `marked ${label}` }, label), el("span", { class: "soft" }, ` by ${by || "somebody"}${at ? `, ${at.slice(0, 10)}` : ""}`),
          note ? el("span", { class: "said" }, `: ${note}`) : null)))));
    }
    return made;
  };

  // --- two texts word by word
  const tokens = (value) => value.match(/[\p{L}\p{N}_]+|\s+|[^]/gu) || [];
  const words = (old, now) => {
    const a = tokens(old), b = tokens(now);
    let start = 0, end = 0;
    while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
    while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
    const left = [], right = [];
    const put = (side, tag, part) => {
      const last = side[side.length - 1];
      if (last && last[0] === tag) last[1] += part; else side.push([tag, part]);
    };
    a.slice(0, start).forEach((each) => { put(left, null, each); put(right, null, each); });
    const was = a.slice(start, a.length - end), is = b.slice(start, b.length - end);
    if (was.length * is.length > MAX_PRODUCT) {
      was.forEach((each) => put(left, "del", each));
      is.forEach((each) => put(right, "ins", each));
    } else {
      const width = is.length + 1;
      const best = new Uint32Array((was.length + 1) * width);
      for (let i = was.length - 1; i >= 0; i -= 1)
        for (let j = is.length - 1; j >= 0; j -= 1)
          best[i * width + j] = was[i] === is[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
      let i = 0, j = 0;
      while (i < was.length || j < is.length) {
        if (i < was.length && j < is.length && was[i] === is[j]) { put(left, null, was[i]); put(right, null, is[j]); i += 1; j += 1; }
        else if (j >= is.length || (i < was.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) { put(left, "del", was[i]); i += 1; }
        else { put(right, "ins", is[j]); j += 1; }
      }
    }
    a.slice(a.length - end).forEach((each) => { put(left, null, each); put(right, null, each); });
    return [left, right].map((side) => side.map(([tag, part]) => (tag ? el(tag, {}, part) : part)));
  };

  // --- labels
  const STORE = `onbook-labels-${data.digest}`;
  const labels = new Map();
  let stored = true, saved = true, asked = false;
  try {
    const held = JSON.parse(localStorage.getItem(STORE) || "null");
    for (const [id, mark] of held ? held.labels : [])
      if (data.answers.some((each) => each.id === id) && ["good", "bad"].includes(mark.label)) labels.set(id, mark);
    if (held && typeof held.by === "string" && $("by")) $("by").value = held.by;
    localStorage.setItem(STORE, JSON.stringify({ by: held ? held.by : "", labels: [...labels] }));
  } catch { stored = false; }
  const keep = () => {
    saved = false;
    try { localStorage.setItem(STORE, JSON.stringify({ by: $("by").value, labels: [...labels] })); } catch { stored = false; }
    exportsOf();
  };
  const person = () => $("by").value.trim();
  const mark = (each, label, made, force = false) => {
    const held = labels.get(each.id);
    if (held && held.label === label && !force) labels.delete(each.id);
    else labels.set(each.id, { label, note: noteOf(made), at: new Date().toISOString().replace(/\.\d+Z$/, "Z") });
    keep();
    buttons(each, made);
    if (open) refresh(open);
    if (!asked && !person()) ask();
  };
  const noteOf = (made) => made.querySelector(".note-field").value.trim();
  const buttons = (each, made) => {
    const held = labels.get(each.id);
    for (const button of made.querySelectorAll("button[data-label]")) button.setAttribute("aria-pressed", String(Boolean(held) && held.label === button.dataset.label));
  };
  const labelling = (each, made) => {
    const held = labels.get(each.id);
    const button = (label) => el("button", { type: "button", "data-label": label, "aria-pressed": "false", on: { click: () => mark(each, label, made) } }, label === "good" ? "Good" : "Bad");
    const note = el("input", { class: "note-field", "aria-label": "Note: why", placeholder: "why (optional)", autocomplete: "off" });
    note.value = held ? held.note || "" : "";
    note.addEventListener("input", () => {
      const now = labels.get(each.id);
      if (now) { now.note = note.value.trim(); keep(); }
    });
    const group = el("div", { class: "labelling", role: "group", "aria-label": "Your label" }, button("good"), button("bad"), note);
    made.append(group);
    buttons(each, made);
    return group;
  };
  const ask = () => {
    asked = true;
    const back = document.activeElement;
    const name = el("input", { id: "asked-by", autocomplete: "name" });
    const done = (take) => () => {
      if (take) { $("by").value = name.value.trim(); keep(); }
      box.close();
      gone();
    };
    // At once, not when the browser comes to tell that it was closed: the next key may come before.
    const gone = () => {
      if (!box.isConnected) return;
      box.remove();
      if (back && back.isConnected) back.focus();
    };
    name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); done(true)(); } });
    const box = el("dialog", { "aria-labelledby": "asked-title" },
      el("h3", { id: "asked-title" }, "Who labels?"),
      el("p", {}, "Labels of several people are told apart by their names. This is asked once."),
      el("label", { for: "asked-by" }, "Your name"),
      el("div", { class: "labelling" }, name, el("button", { type: "button", on: { click: done(true) } }, "Keep"), el("button", { type: "button", on: { click: done(false) } }, "Without a name")));
    box.addEventListener("close", gone); // by Escape
    document.body.append(box);
    box.showModal();
    name.focus();
  };
  const linesOf = (prompt) => data.answers
    .filter((each) => each.key && data.units[each.unit].prompt === prompt && labels.has(each.id))
    .map((each) => {
      const held = labels.get(each.id);
      const line = { case: each.case, key: each.key, label: held.label };
      if (person()) line.by = person();
      if (held.note) line.note = held.note;
      // Some readers take these for line ends.
      return JSON.stringify({ ...line, at: held.at }).replace(/[\u0085\u2028\u2029]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
    });
  const exportsOf = () => {
    if (!$("labels")) return;
    const found = prompts.map((prompt) => [prompt, linesOf(prompt).length]).filter(([, count]) => count);
    const all = found.reduce((sum, [, count]) => sum + count, 0);
    $("labels-told").textContent = all ? `${number(all)} ${all === 1 ? "answer is" : "answers are"} labelled.` : "Say of answers whether they are good: judges are measured by it.";
    $("kept").textContent = stored ? "Until then they are kept in this browser." : "This browser keeps them only as long as the page is open.";
    $("exports").replaceChildren(...found.map(([prompt, count]) =>
      el("button", { type: "button", on: { click: () => save(prompt) } }, `Save ${number(count)} ${count === 1 ? "label" : "labels"} of ${prompt}`)));
  };
  const save = (prompt) => {
    const url = URL.createObjectURL(new Blob([linesOf(prompt).map((line) => `${line}\n`).join("")], { type: "application/x-ndjson" }));
    const link = el("a", { href: url, download: `${prompt.replace(/[^a-z0-9_-]+/g, "-")}.labels.jsonl` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    saved = true;
  };
  addEventListener("beforeunload", (event) => { if (!stored && !saved && labels.size) event.preventDefault(); });

  // --- filters
  const chips = () => {
    const counts = {};
    for (const row of rows) if (passes(row, false)) { const kind = worst(seen(row)); counts[kind] = (counts[kind] || 0) + 1; }
    const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
    const bad = all - (counts.passed || 0) - (counts.known || 0);
    const choices = [["", "All", all], ["not", "Not passing", bad], ...Object.keys(data.kinds).filter((kind) => kinds.has(kind)).map((kind) => [kind, capital(data.kinds[kind][0]), counts[kind] || 0])];
    $("kinds").hidden = wanted.blind;
    choices.forEach(([kind, name, count]) => {
      let chip = $("kinds").querySelector(`[data-kind="${kind}"]`);
      if (!chip) {
        chip = el("button", { type: "button", "data-kind": kind, on: { click: () => { wanted.kind = kind; look(); } } });
        $("kinds").append(chip);
      }
      chip.textContent = `${name} ${number(count)}`;
      chip.setAttribute("aria-pressed", String(wanted.kind === kind));
    });
  };
  const capital = (word) => word[0].toUpperCase() + word.slice(1);
  const kinds = new Set(rows.map((row) => worst(row.answers)));
  for (const each of data.answers) kinds.add(each.kind);
  const choose = (id, values, all) => {
    $(id).append(el("option", { value: "" }, all), ...values.map((value) => el("option", { value }, value)));
    $(`${id}-field`).hidden = values.length < 2;
    $(id).addEventListener("change", () => { wanted[id] = $(id).value; heads(); look(); });
  };
  const heads = () => {
    const head = (name, set) => el("th", { scope: "col", ...(set || {}) }, name);
    const states = columns && !wanted.model ? columns.map((model) => head(model, { class: "c-state" })) : [head("State", { class: "c-state" })];
    $("head").replaceChildren(el("tr", {}, head("Case", { class: "c-case" }), ...states, head("Why"),
      timed ? head("Latency", { class: "number c-number" }) : null, priced ? head("Cost", { class: "number c-number" }) : null));
  };
  let waiting = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { wanted.words = $("search").value.trim().toLowerCase(); look(); }, 60);
  });
  for (const id of ["changed", "unlabelled", "blind"]) if ($(id)) $(id).addEventListener("change", () => { wanted[id] = $(id).checked; if (id === "blind") wanted.kind = ""; look(); });
  $("changed-field").hidden = !compared;
  $("more").addEventListener("click", () => {
    const last = $("rows").lastElementChild;
    draw();
    const next = last && last.nextElementSibling;
    if (next) next.querySelector(".open-row").focus();
  });
  if ("IntersectionObserver" in window)
    new IntersectionObserver((found) => { if (found.some((each) => each.isIntersecting) && drawn < shown.length) draw(); }, { rootMargin: "600px" }).observe($("more"));
  addEventListener("beforeprint", () => { if (drawn < 500) draw(500); });
  if ($("by")) $("by").addEventListener("change", keep);

  // --- the keyboard
  const lines = () => [...$("rows").querySelectorAll("tr.row")];
  const current = () => {
    const within = document.activeElement && document.activeElement.closest && document.activeElement.closest("#rows > tr");
    if (within) return within.classList.contains("detail") ? within.previousSibling : within;
    return open;
  };
  const step = (by) => {
    const every = lines();
    const at = current() ? every.indexOf(current()) + by : 0;
    if (at >= every.length && drawn < shown.length) { draw(); return step(by); }
    const next = every[Math.min(Math.max(at, 0), every.length - 1)];
    if (!next) return;
    const reading = open && open !== next;
    if (reading) toggle(next);
    next.querySelector(".open-row").focus();
    next.scrollIntoView({ block: "nearest" });
    if (reading) next.nextSibling.scrollIntoView({ block: "nearest" });
  };
  const answered = () => {
    if (!open) return null;
    const every = [...open.nextSibling.querySelectorAll(".answer")].filter((made) => made.answer.key);
    return every.find((made) => made.contains(document.activeElement)) || every.find((made) => !labels.has(made.answer.id)) || every[0] || null;
  };
  const labelled = (label) => {
    const row = current();
    if (!row || !$("labels")) return;
    if (open !== row) return toggle(row); // nobody labels what they have not seen
    const made = answered();
    if (made) mark(made.answer, label, made, true);
  };
  const keys = {
    j: () => step(1), k: () => step(-1), g: () => labelled("good"), b: () => labelled("bad"),
    n: () => { const row = current(); if (row && open !== row) toggle(row); const made = answered(); if (made) made.querySelector(".note-field").focus(); },
    "/": () => $("search").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches("input:not([type=checkbox]), textarea, select")) {
      const row = current();
      if (event.key === "Escape" && row) { row.querySelector(".open-row").focus(); event.preventDefault(); }
      return;
    }
    if (!$("shortcuts").checked || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  choose("prompt", prompts, "All prompts");
  choose("model", models, "All models");
  if (rows.some((row) => !["passed", "known"].includes(worst(row.answers)))) wanted.kind = "";
  heads();
  exportsOf();
  look();
  $("browser").hidden = false;
})();
