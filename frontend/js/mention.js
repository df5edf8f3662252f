import { $, $$, fill, fire, on, parse, say, send } from "./dom.js";

// A name by @ in a text: who is chosen goes along by id, in a hidden field; the words alone name nobody.
const HERE = /(?:^|[^\w@.-])@([^\s@]{0,20})$/u; // not in a mail address
const state = new WeakMap();
const parts = (box) => ({ area: $("textarea", box), list: $("[role=listbox]", box) });
const options = (box) => $$("[role=option]", parts(box).list);
const active = (box) => $("[aria-selected=true]", parts(box).list);

export const named = (form) => $$("[name=mention]", form).map((field) => field.value);

/** Notes people by id in a form. */
export function remember(form, ids) {
  for (const id of ids ?? []) {
    if (named(form).includes(id)) continue;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "mention", value: id });
    form.append(field);
  }
}

function typed(area) {
  return HERE.exec(area.value.slice(0, area.selectionStart))?.[1];
}

function select(box, option) {
  active(box)?.setAttribute("aria-selected", "false");
  const { area } = parts(box);
  if (!option) return area.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  area.setAttribute("aria-activedescendant", option.id);
}

function shut(box) {
  const { timer, abort } = state.get(box) ?? {};
  clearTimeout(timer);
  abort?.abort();
  parts(box).list.hidden = true;
  select(box, null);
}

async function look(box, term) {
  const { area, list } = parts(box);
  const abort = new AbortController();
  state.set(box, { abort });
  const url = new URL(box.dataset.mentionUrl, location.href);
  url.searchParams.set("q", term);
  let answer;
  try {
    answer = await send(url, { signal: abort.signal, target: list.id });
  } catch {
    return; // no list without a network: the text goes on
  }
  if (abort.signal.aborted || !answer.ok || typed(area) !== term) return;
  list.replaceChildren(parse(answer.html));
  const found = options(box);
  found.forEach((option, n) => (option.id = `${list.id}-${n}`));
  list.hidden = !found.length;
  if (found.length) select(box, found[0]);
  say(found.length ? fill(box.dataset.countText, { n: found.length }) : box.dataset.noneText);
}

function take(box, option) {
  const { area } = parts(box);
  const term = typed(area);
  if (term === undefined) return shut(box);
  const end = area.selectionStart;
  area.setRangeText(`@${option.dataset.label} `, end - term.length - 1, end, "end");
  remember(area.form, [option.dataset.value]);
  shut(box);
  area.focus();
  fire(area, "input");
}

function later(box) {
  shut(box);
  const term = typed(parts(box).area);
  if (term !== undefined) state.set(box, { timer: setTimeout(() => look(box, term), 150) });
}

on("input", "[data-mention-box]", (e, box) => !e.isComposing && later(box));
on("compositionend", "[data-mention-box]", (_, box) => later(box));
on("click", "[data-mention-box] [role=option]", (_, option) => take(option.closest("[data-mention-box]"), option));
on("mousedown", "[data-mention-box] [role=listbox]", (e) => e.preventDefault());
on("focusout", "[data-mention-box]", (e, box) => !box.contains(e.relatedTarget) && shut(box));
on(
  "keydown",
  "[data-mention-box]",
  (e, box) => {
    if (e.isComposing || e.keyCode === 229 || parts(box).list.hidden || e.ctrlKey || e.metaKey || e.altKey) return;
    const all = options(box);
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) select(box, all.at((all.indexOf(active(box)) + step) % all.length));
    else if ((e.key === "Enter" || e.key === "Tab") && active(box)) take(box, active(box));
    else if (e.key === "Escape") shut(box);
    else return;
    e.preventDefault();
    e.stopPropagation();
  },
  true,
);
