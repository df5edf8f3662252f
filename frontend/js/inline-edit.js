import htmx from "htmx.org";
import { $, fire, on, parse, say, send, text } from "./dom.js";
import { fail, toast } from "./toast.js";

const kept = new WeakMap();
/** Lists keep their place; elsewhere what hangs together is shown anew. */
const aim = (cell) => (cell.closest("[data-list]") ? "cell" : "field");

export async function start(cell) {
  if (cell.classList.contains("editing")) return;
  const answer = await send(cell.dataset.editUrl, { target: aim(cell) }).catch(() => ({ status: 0 }));
  if (!answer.ok) return fail(answer.status, answer.words);
  kept.set(cell, [...cell.childNodes]);
  show(cell, answer.html);
}

export function show(cell, html) {
  cell.classList.add("editing");
  cell.replaceChildren(parse(html));
  htmx.process(cell);
  const field = $("input:not([type=hidden]),select,textarea", cell);
  field?.focus();
  if (field?.matches("input[type=text]")) field.select();
}

function stop(cell, focus = true) {
  cell.classList.remove("editing");
  cell.replaceChildren(...(kept.get(cell) ?? []));
  kept.delete(cell);
  if (cell.closest("[data-grid]")) return fire(cell, "zk:cell", { focus });
  if (focus) focusOn(cell);
}

function focusOn(cell) {
  const target = $("[data-edit],a", cell) ?? cell;
  if (target === cell) cell.tabIndex = -1;
  target.focus({ preventScroll: true });
}

async function save(form, leave = false, button = null) {
  const cell = form.closest("[data-edit-url]");
  if (form.dataset.sending) return;
  form.dataset.sending = "1";
  const answer = await send(form.action, { method: "POST", body: new FormData(form, button), target: aim(cell) }).catch(() => ({ status: 0 }));
  delete form.dataset.sending;
  if (answer.status === 422 || answer.status === 409) {
    show(cell, answer.html);
    if (answer.status === 409) toast(text("Conflict"), { tone: "bad" });
    return;
  }
  if (!answer.ok) return fail(answer.status, answer.words);
  const pencil = kept.get(cell)?.find((node) => node.matches?.("[data-edit]"));
  const value = parse(answer.html);
  cell.classList.remove("editing");
  kept.delete(cell);
  cell.replaceChildren(value, ...(pencil ? [pencil] : []), tick());
  const row = cell.closest("[data-row]");
  if (row && answer.version) row.dataset.version = answer.version;
  say(text("Saved"));
  if (cell.closest("[data-grid]")) return fire(cell, "zk:cell", { focus: !leave, undo: answer.undo });
  if (!leave) focusOn(cell);
}

export function tick() {
  const mark = parse(`<span class="saved-tick"><svg class="i" aria-hidden="true"><use href="${document.body.dataset.icons}#check"/></svg></span>`);
  const node = mark.firstElementChild;
  setTimeout(() => node.remove(), 1200);
  return node;
}

const unchanged = (form) =>
  [...form.elements].every((field) => !("defaultValue" in field) || field.type === "checkbox" || field.type === "radio" || field.value === field.defaultValue) &&
  ![...form.querySelectorAll("select option, input[type=checkbox], input[type=radio]")].some((o) => (o.defaultSelected ?? o.defaultChecked) !== (o.selected ?? o.checked));

on("dblclick", "[data-edit-url]", (e, cell) => {
  if (e.target.closest("a,button,form")) return;
  e.preventDefault();
  start(cell);
});
on("click", "[data-edit]", (_, button) => start(button.closest("[data-edit-url]")));
on("submit", "form[data-inline-form]", (e, form) => {
  e.preventDefault();
  save(form, false, e.submitter);
});
on("click", "[data-inline-cancel]", (_, button) => stop(button.closest("[data-edit-url]")));
on("click", "[data-inline-theirs]", (_, button) => {
  const cell = button.closest("[data-edit-url]");
  const old = kept.get(cell)?.find((node) => node.matches?.("[data-edit]"));
  kept.set(cell, [$("[data-theirs]", cell).content.cloneNode(true), ...(old ? [old] : [])]);
  stop(cell);
});
on("change", "form[data-inline-form] select", (_, select) => save(select.form));
on("keydown", "form[data-inline-form]", (e, form) => {
  if (e.isComposing || e.keyCode === 229) return;
  if (e.key === "Escape") {
    e.preventDefault();
    e.stopPropagation();
    stop(form.closest("[data-edit-url]"));
  }
});
on("focusout", "form[data-inline-form]", (e, form) => {
  setTimeout(() => {
    if (!form.isConnected || form.contains(document.activeElement) || form.dataset.sending || $("dialog[open]")) return;
    const cell = form.closest("[data-edit-url]");
    if (unchanged(form)) stop(cell, false);
    else save(form, true);
  }, 120);
});
// Enter on a row reached by j/k edits nothing by itself; F2 on a focused row starts with its first editable cell.
on("keydown", "[data-row]", (e, row) => {
  if (e.key !== "F2") return;
  const cell = $("[data-edit-url]", row);
  if (cell) {
    e.preventDefault();
    start(cell);
  }
});
