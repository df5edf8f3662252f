import Sortable from "sortablejs";
import { $, $$, fill, on, parse } from "./dom.js";

let tools;
const board = () => $("[data-board]");
const lanes = () => $$("[data-lane]", board());
const laneOf = (card) => card.closest("[data-lane]");
const laneName = (lane) => $("h2", lane).textContent.trim();
const cardName = (card) => $(".deal-title", card).textContent.trim();
const words = (key, card, lane) => fill(board().dataset[key], { card: cardName(card), stage: laneName(lane) });

/** Called when a board comes into the page; gets what the frame has already loaded. */
export function start(shared) {
  tools = shared;
  for (const list of $$("[data-lane-cards]", board())) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      group: "deals",
      draggable: ".deal:not([data-busy])",
      filter: "button,form,input,label,.lane-empty",
      preventOnFilter: false,
      delay: 180,
      delayOnTouchOnly: true,
      touchStartThreshold: 6,
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 140,
      ghostClass: "deal-ghost",
      dragClass: "deal-drag",
      scroll: true,
      scrollSensitivity: 80,
      onStart: ({ item }) => {
        item.dataset.dragging = "1";
        item.closest(".board-wrap").dataset.dragging = "";
      },
      onEnd: ({ item, from, to, oldIndex }) => {
        setTimeout(() => delete item.dataset.dragging);
        delete to.closest(".board-wrap").dataset.dragging;
        if (from === to) return;
        const back = { list: from, before: $$(".deal", from)[oldIndex] ?? null };
        sendMove(item, to.closest("[data-lane]"), back);
      },
    });
  }
}

/** Moves a card at once and asks the server; puts it back when the server says no. */
function moveTo(card, lane) {
  const from = card.closest("[data-lane-cards]");
  const back = { list: from, before: card.nextElementSibling };
  $("[data-lane-cards]", lane).prepend(card);
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
  return sendMove(card, lane, back);
}

function sendMove(card, lane, back, filled = null) {
  const body = filled ?? new FormData();
  if (!filled) {
    body.append("stage", lane.dataset.lane);
    body.append("version", card.dataset.version);
  }
  card.dataset.busy = "1";
  shift(back.list.closest("[data-lane]"), lane);
  return tools.postMove(`${card.dataset.url}/move`, body, {
    ask: (html) => {
      delete card.dataset.busy;
      shift(lane, back.list.closest("[data-lane]"));
      ask(card, lane, back, html);
    },
    conflict: (html) => {
      tools.toast(words("textConflict", card, lane), { tone: "bad" });
      settle(card, html);
    },
    failed: () => rollBack(card, lane, back, true),
    done: (html) => settle(card, html, words("textMoved", card, lane)),
  });
}

function rollBack(card, lane, back, counted) {
  const from = back.list.closest("[data-lane]");
  if (counted) shift(lane, from);
  $("[data-ask]", card)?.remove();
  delete card.dataset.busy;
  back.list.insertBefore(card, back.before?.parentElement === back.list ? back.before : null);
  flash(card);
  tools.say(words("textBack", card, from));
  $("a", card).focus({ preventScroll: true });
}

/** Counts of the two lanes, until the server tells the right figures. */
function shift(from, to) {
  for (const [lane, step] of [[from, -1], [to, 1]]) {
    const count = $("[data-lane-count]", lane);
    if (/^\d+$/.test(count.textContent)) count.textContent = Number(count.textContent) + step;
  }
}

/** Puts the answer of the server in place: the card where it now belongs, and the heads of the lanes. */
function settle(card, html, sentence) {
  const answer = parse(html);
  const fresh = $("[data-card]", answer);
  for (const head of $$("[data-lane-head]", answer)) {
    const lane = lanes().find((one) => one.dataset.lane === head.dataset.laneHead);
    if (!lane) continue;
    $("[data-lane-count]", lane).textContent = head.dataset.count;
    $("[data-lane-money]", lane).replaceChildren(head.content.cloneNode(true));
  }
  if (!fresh) {
    card.remove();
  } else {
    const focused = card.contains(document.activeElement) || document.activeElement === document.body;
    const lane = lanes().find((one) => one.dataset.lane === fresh.dataset.stage);
    if (lane && laneOf(card) !== lane) $("[data-lane-cards]", lane).prepend(card);
    card.replaceWith(fresh);
    tools.htmx.process(fresh);
    flash(fresh);
    if (focused) $("a", fresh).focus({ preventScroll: true });
  }
  if (sentence) tools.say(sentence);
}

function flash(card) {
  card.classList.add("deal-flash");
  setTimeout(() => card.classList.remove("deal-flash"), 1500);
}

// what a stage asks for, in the card itself -----------------------------------------------------------------------------
const waiting = new WeakMap();

function ask(card, lane, back, html) {
  $("[data-ask]", card)?.remove();
  const box = document.createElement("div");
  box.className = "deal-ask";
  box.dataset.ask = "";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", words("textNeeds", card, lane));
  const title = document.createElement("p");
  title.className = "small strong mb-1";
  title.textContent = words("textNeeds", card, lane);
  box.append(title, parse(html));
  card.append(box);
  tools.htmx.process(box);
  waiting.set(box, { lane, back });
  box.scrollIntoView({ block: "nearest" });
  $("[aria-invalid=true],input:not([type=hidden]),select,textarea", box)?.focus({ preventScroll: true });
  tools.say(title.textContent);
}

// In the capture phase: inside a card the form belongs to the board, elsewhere to the dialog.
on("submit", "[data-ask] [data-move-form]", (e, form) => {
  e.preventDefault();
  e.stopPropagation();
  const box = form.closest("[data-ask]");
  const card = form.closest("[data-card]");
  const { lane, back } = waiting.get(box);
  sendMove(card, lane, back, new FormData(form));
}, true);
function giveUp(e, node) {
  const box = node.closest("[data-ask]");
  const { lane, back } = waiting.get(box);
  e.preventDefault();
  e.stopPropagation();
  rollBack(box.closest("[data-card]"), lane, back, false);
}
on("click", "[data-ask] [data-move-cancel]", giveUp, true);
on("keydown", "[data-ask]", (e, box) => e.key === "Escape" && !e.isComposing && giveUp(e, box), true);

// the menu twin of dragging: a list of stages as radios ------------------------------------------------------------------
on("click", "[data-card-move]", (_, button) => {
  const card = button.closest("[data-card]");
  const here = laneOf(card);
  const form = document.createElement("form");
  form.className = "stack";
  form.dataset.title = fill(board().dataset.textTitle, { card: cardName(card) });
  const set = document.createElement("div");
  set.setAttribute("role", "radiogroup");
  set.setAttribute("aria-label", form.dataset.title);
  for (const lane of lanes()) {
    const label = document.createElement("label");
    label.className = "menu-item";
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.className = "radio";
    radio.name = "stage";
    radio.value = lane.dataset.lane;
    radio.checked = lane === here;
    radio.autofocus = lane === here;
    label.append(radio, laneName(lane));
    set.append(label);
  }
  const help = document.createElement("p");
  help.className = "field-help";
  help.textContent = board().dataset.textHelp;
  const go = document.createElement("button");
  go.className = "btn btn-primary";
  go.textContent = button.getAttribute("aria-label");
  form.append(set, help, go);
  const modal = $("#modal");
  $("#modal-body").replaceChildren(form);
  $("[data-modal-title]").textContent = form.dataset.title;
  modal.showModal();
  $("input:checked", form)?.focus();
  const finish = (lane) => {
    modal.close();
    if (lane && lane !== here) moveTo(card, lane);
    else button.focus();
  };
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    finish(lanes().find((lane) => lane.dataset.lane === new FormData(form).get("stage")));
  });
  form.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || e.target === go) return;
    e.preventDefault();
    form.requestSubmit();
  });
});

// a click that ends a drag does not open the card; arrow keys walk over the board ------------------------------------------
on("click", ".deal-title", (e, link) => link.closest("[data-dragging]") && e.preventDefault(), true);
on("keydown", ".deal-title", (e, link) => {
  const card = link.closest("[data-card]");
  const all = lanes();
  const at = all.indexOf(laneOf(card));
  const row = $$("[data-card]", laneOf(card)).indexOf(card);
  const side = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
  let next = null;
  if (e.key === "ArrowDown") next = $$("[data-card]", laneOf(card))[row + 1];
  else if (e.key === "ArrowUp") next = $$("[data-card]", laneOf(card))[row - 1];
  else if (side) {
    for (let i = at + side; i >= 0 && i < all.length && !next; i += side) {
      const cards = $$("[data-card]", all[i]);
      next = cards[Math.min(row, cards.length - 1)];
    }
  } else return;
  e.preventDefault();
  if (next) $("a", next).focus();
});
