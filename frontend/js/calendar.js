// Records on days: dragged with the mouse or a finger, or moved by their button.
import Sortable from "sortablejs";
import { $, $$, fill, on, send } from "./dom.js";

let tools;
const cal = () => $("[data-calendar]");
const nameOf = (item) => $("a", item).lastChild.previousSibling?.textContent?.trim() || $("a", item).title;
const dayOf = (item) => item.closest("[data-day]");

export function start(shared) {
  tools = shared;
  for (const day of $$("[data-day]", cal())) {
    const list = $("ul", day);
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      group: "days",
      draggable: "[data-move-url]:not([data-busy])",
      filter: "button",
      preventOnFilter: false,
      sort: false,
      delay: 220,
      delayOnTouchOnly: true,
      touchStartThreshold: 6,
      animation: 0,
      ghostClass: "cal-ghost",
      emptyInsertThreshold: 4,
      onStart: ({ item }) => (item.dataset.dragging = "1"),
      onMove: ({ to }) => {
        for (const other of $$("[data-day][data-over]")) delete other.dataset.over;
        to.closest("[data-day]").dataset.over = "";
      },
      onEnd: ({ item, from, to, oldIndex }) => {
        for (const other of $$("[data-day][data-over]")) delete other.dataset.over;
        setTimeout(() => delete item.dataset.dragging);
        if (from !== to) put(item, to.closest("[data-day]").dataset.day, { from, before: from.children[oldIndex] });
      },
    });
  }
}

/** Writes the day; what the server refuses goes back to where it was. */
async function put(item, day, back = null) {
  const { field, time } = { field: cal().dataset.field, time: "time" in cal().dataset };
  const body = new FormData();
  body.append(field, time ? `${day}T${item.dataset.clock || "09:00"}` : day);
  body.append("version", item.dataset.version);
  item.dataset.busy = "";
  const answer = await send(item.dataset.moveUrl, { method: "POST", body, target: "field" }).catch(() => ({ status: 0 }));
  delete item.dataset.busy;
  if (answer.ok) {
    if (answer.version) item.dataset.version = answer.version;
    const words = fill(cal().dataset.textMoved, { name: nameOf(item), day });
    if (answer.undo) tools.toast(words, { undo_url: answer.undo });
    else tools.say(words);
    if (!back) tools.refresh();
    return;
  }
  if (back) back.from.insertBefore(item, back.before ?? null);
  $("a", item).focus({ preventScroll: true });
  const told = answer.status === 422 ? new DOMParser().parseFromString(answer.html, "text/html").querySelector(".field-error")?.textContent.trim() : answer.words;
  tools.fail(answer.status, told);
  if (answer.status === 409) tools.refresh();
}

on("click", "[data-item] a", (e, link) => link.closest("[data-dragging]") && e.preventDefault(), true);
on("click", "[data-item-move]", (_, button) => {
  const item = button.closest("[data-item]");
  const { textTitle, textLabel, textGo } = cal().dataset;
  const form = document.createElement("form");
  form.className = "stack";
  form.dataset.title = fill(textTitle, { name: nameOf(item) });
  const label = Object.assign(document.createElement("label"), { htmlFor: "cal-to", textContent: textLabel });
  const input = Object.assign(document.createElement("input"), { type: "date", id: "cal-to", className: "input", required: true, value: dayOf(item).dataset.day });
  const go = Object.assign(document.createElement("button"), { className: "btn btn-primary", textContent: textGo });
  const field = document.createElement("div");
  field.className = "field";
  field.append(label, input);
  form.append(field, go);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    $("#modal").close();
    put(item, input.value);
  });
  tools.modal(form, form.dataset.title, button);
});
