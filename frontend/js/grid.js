// A table as a spreadsheet: cells are walked, selected, copied, pasted, cleared and undone. The cell that one is on holds
// an input of its own, so that an input method composes there and a screen reader says column, row and value.
import { $, $$, fill, on, parse, send } from "./dom.js";
import { readBlock, writeBlock } from "./block.js";

let tools;
let catcher;
let anchor = null;
let dragging = false;
const undone = [];
const done = [];
const table = () => $("table[data-grid]");
const words = (name) => table()?.dataset[`text${name}`] ?? "";
const rows = () => $$("tbody [data-row]", table());
const cellsOf = (row) => [...row.cells].filter((cell) => !cell.classList.contains("pick"));
const heads = () => $$("th[data-col]", table());
const keyOf = (cell) => heads()[cellsOf(cell.parentElement).indexOf(cell)].dataset.col;
const at = (r, c) => cellsOf(rows()[r] ?? rows()[0])[c];
const active = () => catcher?.closest("td");
const place = (cell) => ({ r: rows().indexOf(cell.parentElement), c: cellsOf(cell.parentElement).indexOf(cell) });
const shownOf = (cell) => {
  const copy = cell.cloneNode(true);
  for (const extra of $$("[aria-hidden=true],.sr,.grid-catch,.cell-note,.saved-tick", copy)) extra.remove();
  const text = copy.innerHTML.includes("<br") ? copy.innerHTML.replace(/<br>/g, "\n").replace(/<[^>]+>/g, "") : copy.textContent;
  return text.trim() === "—" ? "" : text.trim();
};

export function start(shared) {
  tools = shared;
  const t = table();
  if (!t || t.dataset.live) return;
  t.dataset.live = "1";
  t.setAttribute("role", "grid");
  t.setAttribute("aria-multiselectable", "true");
  for (const th of heads()) th.setAttribute("role", "columnheader");
  for (const row of rows()) for (const cell of cellsOf(row)) {
    cell.setAttribute("role", "gridcell");
    if (!cell.dataset.editUrl) cell.setAttribute("aria-readonly", "true");
  }
  const first = at(0, 0);
  if (first) first.tabIndex = 0;
  if (back) go(...back);
  back = null;
}

// ---- where one is -----------------------------------------------------------------------------------------------------
let back = null;
function makeCatcher() {
  const node = document.createElement("textarea");
  node.className = "grid-catch";
  node.rows = 1;
  node.setAttribute("autocomplete", "off");
  node.spellcheck = false;
  return node;
}

function go(r, c, { extend = false, focus = true } = {}) {
  const list = rows();
  r = Math.max(0, Math.min(list.length - 1, r));
  c = Math.max(0, Math.min(heads().length - 1, c));
  const cell = at(r, c);
  if (!cell) return;
  if (!extend || !anchor) anchor = { r, c };
  for (const other of $$("td[tabindex='0']", table())) other.removeAttribute("tabindex");
  catcher ??= makeCatcher();
  catcher.classList.remove("typing");
  cell.append(catcher);
  const shown = shownOf(cell);
  catcher.value = shown;
  catcher.readOnly = false;
  const note = cell.dataset.note ? `. ${cell.dataset.note}` : "";
  catcher.setAttribute("aria-label", `${heads()[c].textContent.trim()}, ${rows()[r].cells[0].querySelector("input")?.getAttribute("aria-label") ?? r + 1}${note}`);
  paint({ r, c });
  if (focus) {
    catcher.focus({ preventScroll: true });
    catcher.select();
    reveal(cell);
  }
  explain(cell);
}

function reveal(cell) {
  const wrap = cell.closest(".table-wrap");
  const [box, inside] = [cell.getBoundingClientRect(), wrap.getBoundingClientRect()];
  const head = $("thead", wrap)?.offsetHeight ?? 0;
  const foot = $("tfoot", wrap)?.offsetHeight ?? 0;
  const frozen = $$("thead th", wrap).reduce((w, th) => (getComputedStyle(th).position === "sticky" && th.style.left !== "" || th.matches(".lead,.pick") ? w + th.offsetWidth : w), 0);
  if (box.top < inside.top + head) wrap.scrollTop -= inside.top + head - box.top + 2;
  else if (box.bottom > inside.bottom - foot) wrap.scrollTop += box.bottom - inside.bottom + foot + 2;
  if (!cell.matches(".lead,[data-frozen]") && box.left < inside.left + frozen) wrap.scrollLeft -= inside.left + frozen - box.left + 2;
  else if (box.right > inside.right) wrap.scrollLeft += box.right - inside.right + 2;
}

function range() {
  const cell = active();
  if (!cell) return null;
  const to = place(cell);
  const from = anchor ?? to;
  return { top: Math.min(from.r, to.r), bottom: Math.max(from.r, to.r), left: Math.min(from.c, to.c), right: Math.max(from.c, to.c) };
}

function paint() {
  for (const cell of $$("td[aria-selected],td.now", table())) {
    cell.removeAttribute("aria-selected");
    cell.classList.remove("now");
  }
  const box = range();
  if (!box) return;
  active().classList.add("now");
  for (const row of rows().slice(box.top, box.bottom + 1)) for (const cell of cellsOf(row).slice(box.left, box.right + 1)) cell.setAttribute("aria-selected", "true");
}

const move = (dr, dc, extend = false) => {
  const now = place(active());
  go(now.r + dr, now.c + dc, { extend });
};
function tab(step) {
  const now = place(active());
  const width = heads().length;
  const n = now.r * width + now.c + step;
  if (n < 0 || n >= width * rows().length) return false;
  go(Math.floor(n / width), n % width);
  return true;
}

// ---- keys -------------------------------------------------------------------------------------------------------------
const isTyping = () => catcher.classList.contains("typing");
on("keydown", ".grid-catch", (e) => {
  if (e.isComposing || e.keyCode === 229) return;
  const mod = e.ctrlKey || e.metaKey;
  const stop = () => {
    e.preventDefault();
    e.stopPropagation();
  };
  if (isTyping()) {
    if (e.key === "Escape") return stop(), leaveTyping();
    if (e.key === "Enter" && !e.altKey) return stop(), commit().then((fine) => fine && move(e.shiftKey ? -1 : 1, 0));
    if (e.key === "Tab") return stop(), commit().then((fine) => fine && tab(e.shiftKey ? -1 : 1));
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (steps[e.key]) return stop(), commit().then((fine) => fine && move(...steps[e.key]));
    return;
  }
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] }[e.key];
  if (step) {
    stop();
    const far = mod ? 10_000 : 1;
    return move(step[0] * far, step[1] * far, e.shiftKey);
  }
  if (e.key === "Home" || e.key === "End") {
    stop();
    const end = e.key === "End";
    return go(mod ? (end ? 10_000 : 0) : place(active()).r, end ? 10_000 : 0, { extend: e.shiftKey });
  }
  if (e.key === "Tab") return tab(e.shiftKey ? -1 : 1) ? stop() : undefined;
  if (e.key === "Enter" && mod) return stop(), tools.preview(active().parentElement.dataset.url, active());
  if (e.key === "Enter" || e.key === "F2") return stop(), edit(active());
  if (e.key === "Delete" || e.key === "Backspace") return stop(), clear();
  if (e.key === "Escape") {
    stop();
    anchor = null;
    const cell = active();
    catcher.remove();
    cell.tabIndex = 0;
    paintNone();
    return $(".pager a, .pager button, .pager [aria-disabled]", table().closest("[data-list]"))?.focus?.() ?? cell.blur();
  }
  if (mod && e.code === "KeyA") return stop(), ((anchor = { r: 0, c: 0 }), go(10_000, 10_000, { extend: true }));
  if (mod && e.code === "KeyZ") return stop(), e.shiftKey ? redo() : undo();
  if (mod && e.code === "KeyY") return stop(), redo();
});
function paintNone() {
  for (const cell of $$("td[aria-selected],td.now", table())) {
    cell.removeAttribute("aria-selected");
    cell.classList.remove("now");
  }
}

const begins = () => {
  const cell = active();
  if (!cell?.dataset.editUrl) {
    catcher.value = cell ? shownOf(cell) : "";
    catcher.select();
    return tools.say(words("Fixed"));
  }
  catcher.classList.add("typing");
};
on("compositionstart", ".grid-catch", () => isTyping() || begins());
on("input", ".grid-catch", () => isTyping() || begins());
on("focusout", ".grid-catch", () => isTyping() && commit());

function leaveTyping() {
  const now = place(active());
  catcher.classList.remove("typing");
  go(now.r, now.c);
}

function edit(cell) {
  if (!cell.dataset.editUrl) return move(1, 0);
  const now = place(cell);
  back = [now.r, now.c];
  catcher.remove();
  tools.cells.start(cell);
}
/** An editor of the server has closed: go on from its cell. */
document.addEventListener("zk:cell", ({ target, detail }) => {
  if (!table()?.contains(target)) return;
  if (detail.undo) done.push(detail.undo);
  back = null;
  const now = place(target);
  go(now.r + (detail.key === "Enter" ? 1 : 0), now.c + (detail.key === "Tab" ? 1 : 0), { focus: detail.focus });
});

// ---- pointer ----------------------------------------------------------------------------------------------------------
on("pointerdown", "table[data-grid] tbody td:not(.pick)", (e, cell) => {
  if (e.button || e.target.closest(".grid-catch.typing,form,button,.cell-note") || cell.classList.contains("editing")) return;
  if (e.target.closest("a") && cell === active()) return;
  e.preventDefault();
  const to = place(cell);
  const finish = isTypingNow() ? commit() : Promise.resolve();
  finish.then(() => go(to.r, to.c, { extend: e.shiftKey }));
  dragging = e.pointerType === "mouse";
});
const isTypingNow = () => catcher?.isConnected && isTyping();
on("pointerover", "table[data-grid] tbody td:not(.pick)", (e, cell) => {
  if (!dragging || !(e.buttons & 1) || !active()) return;
  const to = place(cell);
  go(to.r, to.c, { extend: true });
});
document.addEventListener("pointerup", () => (dragging = false));
on("click", "table[data-grid] tbody td:not(.pick) a", (e, link) => {
  if (e.ctrlKey || e.metaKey || e.detail === 0) return;
  if (e.detail < 2) e.preventDefault();
  else location.assign(link.href);
});
on("focusin", "table[data-grid] td[tabindex='0']", (e, cell) => {
  if (e.target !== cell || catcher?.isConnected) return;
  const now = place(cell);
  go(now.r, now.c);
});

// ---- writing ----------------------------------------------------------------------------------------------------------
function commit() {
  const cell = active();
  const value = catcher.value;
  catcher.classList.remove("typing");
  catcher.value = "";
  return write(new Map([[cell, value]]));
}

function clear() {
  const box = range();
  const wanted = new Map();
  for (const row of rows().slice(box.top, box.bottom + 1)) for (const cell of cellsOf(row).slice(box.left, box.right + 1)) if (cell.dataset.editUrl && shownOf(cell)) wanted.set(cell, "");
  if (wanted.size) write(wanted);
}

/** Shows the new texts at once, sends them together, and puts right what the server says. */
async function write(wanted, { part = false, sure = false } = {}) {
  const byRow = new Map();
  for (const [cell, value] of wanted) {
    const row = cell.parentElement;
    if (!byRow.has(row)) byRow.set(row, {});
    byRow.get(row)[keyOf(cell)] = value;
    cell.kept ??= [...cell.childNodes].filter((node) => node !== catcher && !node.classList?.contains("cell-note"));
    for (const node of [...cell.childNodes]) if (node !== catcher) node.remove();
    cell.prepend(value);
    cell.dataset.state = "sent";
  }
  const body = new FormData();
  body.append("cells", JSON.stringify([...byRow].map(([row, values]) => ({ id: row.dataset.id, version: Number(row.dataset.version ?? 1), values }))));
  body.append("cols", heads().map((th) => th.dataset.col).join(","));
  if (part) body.append("part", "1");
  if (sure) body.append("confirmed", "1");
  const answer = await send(table().dataset.grid, { method: "POST", body }).catch(() => ({ status: 0, html: "" }));
  let said;
  try {
    said = JSON.parse(answer.html);
  } catch {
    said = null;
  }
  if (!said?.rows) {
    for (const cell of wanted.keys()) restore(cell);
    tools.fail(answer.status, answer.words);
    return false;
  }
  return settle(wanted, said);
}

function settle(wanted, said) {
  for (const [id, row] of Object.entries(said.rows)) fresh(id, row, wanted);
  for (const [cell, value] of wanted) {
    const id = cell.parentElement.dataset.id;
    if (said.rows[id]) continue;
    const wrong = said.wrong[id]?.[keyOf(cell)] ?? said.wrong[id]?.[""];
    const stale = said.stale[id];
    cell.dataset.state = wrong ? "wrong" : stale ? "stale" : "waits";
    cell.asks = said.asks[id]?.length === Object.keys(said.wrong[id] ?? {}).length && !!wrong;
    cell.mine = value;
    cell.theirs = stale;
    cell.dataset.note = wrong ?? (stale ? words("Stale") : words("Waits"));
    if (wrong) catcherSays(cell);
  }
  if (said.undo) {
    done.push(said.undo);
    undone.length = 0;
  }
  const open = [...wanted].filter(([cell]) => cell.dataset.state !== "done");
  bar(said, open);
  const many = wanted.size > 1;
  if (said.hints) tools.toast(`${said.said} ${said.hints}`, { undo_url: said.undo });
  else if (many || open.length) tools.say(said.said);
  else tools.say(document.body.dataset.textSaved);
  if (many && !open.length && !said.hints) tools.toast(said.said, { undo_url: said.undo });
  if (!open.length) later();
  const bad = open.find(([cell]) => cell.dataset.state !== "waits");
  if (bad) {
    const to = place(bad[0]);
    go(to.r, to.c);
  } else if (active()) explain(active());
  return !bad;
}
const catcherSays = (cell) => cell.setAttribute("aria-invalid", "true");

/** A row as the server has it now. */
function fresh(id, row, wanted = new Map()) {
  const tr = rows().find((one) => one.dataset.id === id);
  if (!tr) return;
  tr.dataset.version = row.version;
  for (const cell of cellsOf(tr)) {
    const key = keyOf(cell);
    if (cell.dataset.state && !wanted.has(cell)) continue;
    clean(cell);
    const value = key in row.cells ? parse(row.cells[key]) : link(tr, row.title);
    cell.replaceChildren(value, ...(cell === active() ? [catcher] : []));
    if (wanted.has(cell)) {
      cell.dataset.state = "done";
      cell.append(tools.cells.tick());
    }
    if (cell === active()) go(place(cell).r, place(cell).c, { extend: true, focus: document.activeElement === document.body });
  }
}
const link = (tr, title) => Object.assign(document.createElement("a"), { className: "strong", href: tr.dataset.url, textContent: title });

function clean(cell) {
  delete cell.dataset.state;
  delete cell.dataset.note;
  delete cell.kept;
  cell.removeAttribute("aria-invalid");
  cell.theirs = cell.mine = cell.asks = undefined;
  $(".cell-note", cell)?.remove();
}
function restore(cell) {
  const kept = cell.kept ?? [];
  clean(cell);
  cell.replaceChildren(...kept, ...(cell === active() ? [catcher] : []));
}

/** What is wrong with the cell one is on, and what can be done about it. */
function explain(cell) {
  for (const old of $$(".cell-note", table())) old.remove();
  if (!["wrong", "stale"].includes(cell.dataset.state)) return;
  const note = document.createElement("div");
  note.className = "cell-note";
  note.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = cell.dataset.note;
  note.append(line);
  if (cell.theirs) {
    const theirs = document.createElement("p");
    theirs.append(fill(words("Theirs"), { who: cell.theirs.who ?? "", when: cell.theirs.when ?? "" }), " ");
    theirs.append(keyOf(cell) in cell.theirs.cells ? parse(cell.theirs.cells[keyOf(cell)]) : cell.theirs.title);
    note.append(theirs, button(words("UseMine"), () => useMine([cell]), "btn-primary"), button(words("KeepTheirs"), () => keepTheirs([cell])));
  } else {
    if (cell.asks) note.append(button(words("Sure"), () => goOn([cell]), "btn-primary"));
    note.append(button(words("Back"), () => (restore(cell), bar(null, openCells()), go(place(cell).r, place(cell).c))));
  }
  cell.append(note);
}
function button(label, act, kind = "btn-plain") {
  const node = document.createElement("button");
  node.type = "button";
  node.className = `btn btn-sm ${kind}`;
  node.textContent = label;
  node.addEventListener("click", act);
  return node;
}
/** What was asked about is written all the same, with the rest of its rows. */
function goOn(cells) {
  const asked = new Set(cells.map((cell) => cell.parentElement));
  write(new Map(openCells().filter(([cell]) => asked.has(cell.parentElement))), { part: asked.size > 1, sure: true });
}
function useMine(cells) {
  for (const cell of cells) cell.parentElement.dataset.version = cell.theirs.version;
  write(new Map(cells.map((cell) => [cell, cell.mine])), { part: cells.length > 1 });
}
function keepTheirs(cells) {
  const them = new Map(cells.map((cell) => [cell.parentElement.dataset.id, cell.theirs]));
  for (const cell of cells) restore(cell);
  for (const [id, row] of them) fresh(id, row);
  bar(null, openCells());
}
const openCells = () => $$("td[data-state=wrong],td[data-state=stale],td[data-state=waits]", table()).map((cell) => [cell, cell.mine]);

/** Over the table: what of a block was not written, and the choice. */
function bar(said, open) {
  const box = $("[data-grid-bar]");
  box.hidden = !open.length || (open.length === 1 && !said?.rest);
  if (box.hidden) return;
  const rest = said?.rest ?? 0;
  const stale = open.filter(([cell]) => cell.dataset.state === "stale").map(([cell]) => cell);
  const line = document.createElement("span");
  line.className = "grow";
  line.textContent = said?.said ?? words("Open");
  box.replaceChildren(line);
  if (rest) box.append(button(fill(words("Rest"), { n: rest }), () => write(new Map(open.filter(([cell]) => cell.dataset.state === "waits")), { part: true }), "btn-primary"));
  const asked = open.filter(([cell]) => cell.asks).map(([cell]) => cell);
  if (asked.length > 1) box.append(button(words("Sure"), () => goOn(asked)));
  if (stale.length > 1) box.append(button(words("UseMine"), () => useMine(stale)), button(words("KeepTheirs"), () => keepTheirs(stale)));
  box.append(button(words("Discard"), () => {
    for (const [cell] of openCells()) restore(cell);
    box.hidden = true;
    if (active()) go(place(active()).r, place(active()).c);
  }));
}

let timer;
/** Totals and computed figures follow a little later, quietly. */
function later() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const t = table();
    const body = t?.closest("[data-shape]");
    if (!body || $("td.editing,[data-state=sent]", t)) return;
    const answer = await send(body.getAttribute("hx-get"), { target: "list-body" }).catch(() => ({}));
    const foot = answer.ok && $("tfoot", parse(answer.html));
    if (foot && t.tFoot) t.tFoot.replaceWith(foot);
  }, 1500);
}

// ---- undo -------------------------------------------------------------------------------------------------------------
async function step(from, to) {
  const url = from.pop();
  if (!url) return tools.say(words("NothingToUndo"));
  let again = "";
  const listen = ({ detail }) => (again = detail.undo_url ?? "");
  document.addEventListener("zk:toast", listen, { once: true });
  const answer = await send(url, { method: "POST" }).catch(() => ({ status: 0 }));
  document.removeEventListener("zk:toast", listen);
  if (!answer.ok) return tools.fail(answer.status, answer.words);
  if (again) to.push(again);
  const now = active() ? place(active()) : null;
  back = now ? [now.r, now.c] : null;
  tools.refresh();
}
const undo = () => step(done, undone);
const redo = () => step(undone, done);

// ---- the clipboard ----------------------------------------------------------------------------------------------------
function copy(e) {
  if (isTyping()) return false;
  const box = range();
  const block = rows().slice(box.top, box.bottom + 1).map((row) => cellsOf(row).slice(box.left, box.right + 1).map(shownOf));
  const { text, html } = writeBlock(block);
  e.clipboardData.setData("text/plain", text);
  e.clipboardData.setData("text/html", html);
  e.preventDefault();
  tools.say(fill(words("Copied"), { n: block.length * block[0].length }));
  return true;
}
on("copy", ".grid-catch", (e) => copy(e));
on("cut", ".grid-catch", (e) => copy(e) && clear());
on("paste", ".grid-catch", (e) => {
  if (isTyping()) return;
  e.preventDefault();
  const block = readBlock(e.clipboardData);
  if (!block.length) return;
  const box = range();
  const fills = block.length === 1 && block[0].length === 1;
  const height = fills ? box.bottom - box.top + 1 : block.length;
  const width = fills ? box.right - box.left + 1 : Math.max(...block.map((line) => line.length));
  const wanted = new Map();
  for (let r = 0; r < height; r++) {
    const row = rows()[box.top + r];
    for (let c = 0; c < width && row; c++) {
      const cell = cellsOf(row)[box.left + c];
      const value = fills ? block[0][0] : block[r][c];
      if (cell?.dataset.editUrl && value !== undefined && value !== shownOf(cell)) wanted.set(cell, value);
    }
  }
  anchor = { r: box.top, c: box.left };
  go(box.top + height - 1, box.left + width - 1, { extend: true });
  const cut = box.top + height - rows().length;
  if (cut > 0) tools.toast(fill(words("Cut"), { n: cut }), { tone: "bad" });
  if (wanted.size) write(wanted);
});
