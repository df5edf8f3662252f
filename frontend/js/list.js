// Lists on a desktop: columns that are dragged, resized and frozen; a record beside the list or previewed.
import { $, $$, on, send } from "./dom.js";

let tools;
const table = () => $("table[data-columns]");
const heads = (t) => $$("th[data-col]", t);

/** Called when a list comes into the page; gets what the frame has already loaded. */
export function start(shared) {
  tools = shared;
  const t = table();
  if (t && !t.dataset.ready) {
    t.dataset.ready = "1";
    for (const th of heads(t)) handle(th);
    freeze(t);
  }
  remember();
  openFirst();
}

// ---- columns ----------------------------------------------------------------------------------------------------------
function handle(th) {
  const grip = document.createElement("span");
  grip.className = "col-size";
  grip.setAttribute("aria-hidden", "true");
  th.append(grip);
  th.draggable = matchMedia("(pointer: fine)").matches;
}

/** The frozen columns stand where they would have stood. */
function freeze(t) {
  const n = Number(t.dataset.freeze);
  const wide = matchMedia("(min-width: 48rem)").matches;
  for (const row of t.rows) {
    let left = row.cells[0]?.classList.contains("pick") ? 40 : 0;
    const cells = [...row.cells].filter((cell) => !cell.classList.contains("pick"));
    cells.forEach((cell, i) => {
      const stays = wide && i < n;
      if (stays && i > 0) cell.style.left = `${left}px`;
      cell.toggleAttribute("data-frozen", stays && (i > 0 || n > 1));
      if (stays && i === n - 1 && n > 1) cell.dataset.frozen = "last";
      left += cell.offsetWidth;
    });
  }
}

const columnsOf = (t) => heads(t).map((th) => [th.dataset.col, th]);
const written = (t, widths) => columnsOf(t).map(([key, th]) => (widths ? `${key}~${Math.round(th.offsetWidth)}` : key)).join(",");

async function keep(t, cols) {
  const body = t.closest("[data-shape]");
  const form = new FormData();
  form.append("view", body.dataset.view);
  form.append("cols", cols);
  const answer = await send(body.dataset.shape, { method: "POST", body: form }).catch(() => ({ status: 0 }));
  if (!answer.ok) return tools.fail(answer.status, answer.words);
  const here = new URL(location.href);
  if (here.searchParams.has("cols")) {
    here.searchParams.set("cols", cols);
    history.replaceState(history.state, "", here);
  }
}

/** Every column gets the width that it has now, so that changing one leaves the others alone. */
function fix(t) {
  if (t.classList.contains("table-fixed")) return $$("col", t);
  const widths = [...t.rows[0].cells].map((cell) => cell.offsetWidth);
  const group = document.createElement("colgroup");
  for (const w of widths) group.append(Object.assign(document.createElement("col"), { width: w }));
  t.caption ? t.caption.after(group) : t.prepend(group);
  t.width = widths.reduce((a, b) => a + b, 0);
  t.classList.add("table-fixed");
  return $$("col", t);
}

let sizing = null;
on("pointerdown", ".col-size", (e, grip) => {
  e.preventDefault();
  const th = grip.closest("th");
  const t = th.closest("table");
  const col = fix(t)[th.cellIndex];
  sizing = { t, col, grip, x: e.clientX, width: th.offsetWidth, whole: Number(t.width) };
  grip.dataset.on = "";
  grip.setPointerCapture(e.pointerId);
});
on("pointermove", ".col-size", (e, grip) => {
  if (sizing?.grip !== grip) return;
  const width = Math.max(48, Math.min(900, sizing.width + e.clientX - sizing.x));
  sizing.col.width = width;
  sizing.t.width = sizing.whole + width - sizing.width;
  freeze(sizing.t);
});
on("pointerup", ".col-size", (_, grip) => {
  if (sizing?.grip !== grip) return;
  delete grip.dataset.on;
  const { t } = sizing;
  sizing = null;
  keep(t, written(t, true));
});
on("click", ".col-size", (e) => e.stopPropagation(), true);

let lifted = null;
on("dragstart", "th[data-col]", (e, th) => {
  if (sizing) return e.preventDefault();
  lifted = th;
  th.dataset.lifted = "";
  e.dataTransfer.effectAllowed = "move";
  e.dataTransfer.setData("text/plain", th.textContent.trim());
});
on("dragover", "th[data-col]", (e, th) => {
  if (!lifted || th === lifted || th.closest("table") !== lifted.closest("table")) return;
  e.preventDefault();
  for (const other of heads(th.closest("table"))) delete other.dataset.over;
  th.dataset.over = e.offsetX > th.offsetWidth / 2 ? "after" : "before";
});
on("drop", "th[data-col]", (e, th) => {
  if (!lifted || !th.dataset.over) return;
  e.preventDefault();
  const t = th.closest("table");
  moveColumn(t, lifted.cellIndex, th.cellIndex + (th.dataset.over === "after" ? 1 : 0));
});
on("dragend", "th[data-col]", (_, th) => {
  delete th.dataset.lifted;
  for (const other of heads(th.closest("table"))) delete other.dataset.over;
  lifted = null;
});

async function moveColumn(t, from, before) {
  for (const row of t.rows) row.insertBefore(row.cells[from], row.cells[before] ?? null);
  const cols = $$("col", t);
  if (cols.length) cols[from].parentElement.insertBefore(cols[from], cols[before] ?? null);
  await keep(t, written(t, t.classList.contains("table-fixed")));
  tools.refresh();
}

on("click", "[data-group]", (_, button) => {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  document.getElementById(button.dataset.group).hidden = !open;
});

// ---- the record beside the list, or in the drawer ---------------------------------------------------------------------
const pane = () => $("[data-pane]");
const isSplit = () => pane()?.offsetParent;

function openBeside(row, focus = false) {
  for (const other of $$("tr[data-shown]")) other.removeAttribute("data-shown");
  row.dataset.shown = "";
  $("a", row)?.setAttribute("aria-describedby", "pane");
  const wrap = row.closest(".table-wrap");
  const [box, inside] = [row.getBoundingClientRect(), wrap.getBoundingClientRect()];
  if (box.top < inside.top || box.bottom > inside.bottom) wrap.scrollTop += box.top - inside.top - 40;
  const here = new URL(location.href);
  here.searchParams.set("open", row.dataset.id);
  history.replaceState(history.state, "", here);
  tools.htmx.ajax("GET", row.dataset.url, { target: "#pane", swap: "innerHTML" }).then(() => {
    pane().scrollTop = 0;
    if (focus) pane().focus({ preventScroll: true });
  });
}

function openFirst() {
  if (!isSplit()) return;
  const open = new URL(location.href).searchParams.get("open");
  const row = $(`[data-row][data-id="${CSS.escape(open ?? "")}"]`) ?? (open ? null : $("[data-row]"));
  if (!row || row.hasAttribute("data-shown")) return;
  if (open && $("[data-record]", pane())) row.dataset.shown = "";
  else openBeside(row);
}

on("click", ".split [data-row]", (e, row) => {
  if (!isSplit() || e.ctrlKey || e.metaKey || e.shiftKey || e.target.closest("input,label,button,.pick")) return;
  const link = e.target.closest("a");
  if (link && link !== $(".lead a", row)) return;
  e.preventDefault();
  openBeside(row, true);
});

/** Space on a row shows its record; in the split list beside it, elsewhere in the drawer. */
tools_keys();
function tools_keys() {
  document.addEventListener("keydown", (e) => {
    if (e.isComposing || e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    if (document.body.dataset.keys === "off") return;
    const drawer = $("#drawer[open] [data-record]");
    const typing = e.target.closest("input:not([type=checkbox]),textarea,select,[contenteditable],button,summary,[role=grid]");
    if (e.key === " " && !typing && !$("dialog[open]")) {
      const row = e.target.closest("[data-row]") ?? $("[data-row][data-cursor]");
      if (!row) return;
      e.preventDefault();
      preview(row);
    }
    const step = { BracketLeft: -1, BracketRight: 1 }[e.code];
    if (step && !typing && (isSplit() || drawer)) {
      const all = $$("[data-row]");
      const at = all.findIndex((row) => row.hasAttribute("data-shown"));
      const next = all[at + step];
      if (!next) return;
      e.preventDefault();
      preview(next);
    }
  });
}

function preview(row) {
  if (isSplit()) return openBeside(row);
  for (const other of $$("tr[data-shown]")) other.removeAttribute("data-shown");
  row.dataset.shown = "";
  tools.preview(row.dataset.url, $("a", row));
}

// ---- [ and ] on the page of a record lead along the list one came from --------------------------------------------------
function remember() {
  const rows = $$("[data-list] [data-row]");
  if (!rows.length) return;
  const kept = { from: location.pathname + location.search, ids: rows.map((row) => row.dataset.url) };
  sessionStorage.setItem(`zk-list-${location.pathname.split("/")[1]}`, JSON.stringify(kept));
}
