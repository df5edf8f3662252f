// Records on days: dragged with the mouse or a finger, or moved by their button.
import Sortable from "sortablejs";
import { $, $$, fill, on, parse, send } from "./dom.js";

let tools;
const cal = () => $("[data-calendar]");
const nameOf = (item) => [...$("a", item).childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim() || $("a", item).title;
const dayOf = (item) => item.closest("[data-day]");

export function start(shared) {
  tools = shared;
  for (const list of $$("[data-day] > ul", cal())) {
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
        for (const other of $$("[data-over]", cal())) delete other.dataset.over;
        over(to).dataset.over = "";
      },
      onEnd: ({ item, from, to, oldIndex }) => {
        for (const other of $$("[data-over]", cal())) delete other.dataset.over;
        setTimeout(() => delete item.dataset.dragging);
        if (from !== to) put(item, to.closest("[data-day]").dataset.day, clockIn(to, item), { from, before: from.children[oldIndex] });
      },
    });
  }
}

const over = (list) => (list.dataset.hour === undefined ? list.closest("[data-day]") : list);

/** The time of day in a slot: kept where it lies in it, else the hour of the slot and the minutes from before. */
function clockIn(list, item) {
  const { hour, until } = list.dataset;
  const now = item.dataset.clock;
  if (hour === undefined) return now || "09:00";
  if (hour === "") return "00:00";
  if (now !== "00:00" && now >= hour && now < until) return now;
  return `${hour === "00" ? "07" : hour}:${now.slice(3) || "00"}`;
}

/** What else there is at that time, in words, or nothing. */
async function clash(item) {
  const url = cal().dataset.overlaps;
  if (!url) return "";
  const answer = await send(`${url}/${item.dataset.id}`).catch(() => ({ ok: false }));
  return answer.ok ? $$(".small", parse(answer.html)).map((hint) => hint.firstChild.data.trim()).join(" ") : "";
}

/** Writes the day; what the server refuses goes back to where it was. */
async function put(item, day, clock, back = null) {
  const { field, time } = { field: cal().dataset.field, time: "time" in cal().dataset };
  const body = new FormData();
  body.append(field, time ? `${day}T${clock}` : day);
  body.append("version", item.dataset.version);
  item.dataset.busy = "";
  const answer = await send(item.dataset.moveUrl, { method: "POST", body, target: "field" }).catch(() => ({ status: 0 }));
  delete item.dataset.busy;
  if (answer.ok) {
    if (answer.version) item.dataset.version = answer.version;
    const other = clock !== item.dataset.clock;
    item.dataset.clock = clock;
    const at = time && clock !== "00:00" ? `${day} ${clock}` : day;
    const words = [fill(cal().dataset.textMoved, { name: nameOf(item), day: at }), await clash(item)].join(" ").trim();
    if (answer.undo) tools.toast(words, { undo_url: answer.undo });
    else tools.say(words);
    if (!back || other) tools.refresh();
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
  const time = "time" in cal().dataset;
  const form = document.createElement("form");
  form.className = "stack";
  form.dataset.title = fill(textTitle, { name: nameOf(item) });
  const label = Object.assign(document.createElement("label"), { htmlFor: "cal-to", textContent: textLabel });
  const input = Object.assign(document.createElement("input"), { type: time ? "datetime-local" : "date", id: "cal-to", className: "input", required: true, value: time ? `${dayOf(item).dataset.day}T${item.dataset.clock}` : dayOf(item).dataset.day });
  const go = Object.assign(document.createElement("button"), { className: "btn btn-primary", textContent: textGo });
  const field = document.createElement("div");
  field.className = "field";
  field.append(label, input);
  form.append(field, go);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    $("#modal").close();
    put(item, input.value.slice(0, 10), input.value.slice(11, 16));
  });
  tools.modal(form, form.dataset.title, button);
});
// a double click on an hour plans something there
on("dblclick", "[data-new]", (e, slot) => e.target === slot && tools.preview?.(slot.dataset.new));
