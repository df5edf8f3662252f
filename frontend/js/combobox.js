import { $, $$, fill, fire, on, parse, say, send } from "./dom.js";
import { openDrawer } from "./dialog.js";

const state = new WeakMap();
const parts = (box) => ({
  input: $("[role=combobox]", box),
  list: $("[role=listbox]", box),
  value: $("[data-combobox-value]", box),
  clear: $("[data-combobox-clear]", box),
  chips: $("[data-combobox-chips]", box),
});
const many = (box) => box.hasAttribute("data-many");
const options = (box) => $$("[role=option]", parts(box).list);
const active = (box) => $("[aria-selected=true]", parts(box).list);

function select(box, option) {
  active(box)?.setAttribute("aria-selected", "false");
  const { input } = parts(box);
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function shut(box) {
  const { input, list } = parts(box);
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  select(box, null);
  clearTimeout(state.get(box)?.timer);
  state.get(box)?.abort?.abort();
}

async function look(box) {
  const { input, list } = parts(box);
  const mine = { ...(state.get(box) ?? {}), abort: new AbortController() };
  state.get(box)?.abort?.abort();
  state.set(box, mine);
  const q = input.value.trim();
  const url = new URL(box.dataset.comboboxUrl, location.href);
  url.searchParams.set("q", many(box) || q !== mine.label ? q : "");
  let answer;
  try {
    answer = await send(url, { signal: mine.abort.signal, target: list.id });
  } catch (error) {
    if (error.name === "AbortError") return;
    answer = { ok: false };
  }
  list.replaceChildren(answer.ok ? parse(answer.html) : document.body.dataset.textFailed);
  const found = options(box);
  found.forEach((option, n) => (option.id = `${list.id}-${n}`));
  if (!found.length && answer.ok) list.append(line("combo-none", box.dataset.noneText));
  if (box.dataset.createUrl && q) {
    const create = line("option option-new", fill(box.dataset.createText, { q }));
    create.setAttribute("role", "option");
    create.dataset.create = "";
    create.id = `${list.id}-new`;
    list.append(create);
  }
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  if (q) select(box, options(box)[0]);
  say(found.length ? fill(box.dataset.countText, { n: found.length }) : box.dataset.noneText);
}

function line(cls, words) {
  const node = document.createElement("div");
  node.className = cls;
  node.textContent = words;
  return node;
}

function take(box, option) {
  const { input, value, clear, chips } = parts(box);
  if (option.hasAttribute("data-create")) {
    const url = new URL(box.dataset.createUrl, location.href);
    url.searchParams.set("name", input.value.trim());
    shut(box);
    return openDrawer(url.href, input);
  }
  const { value: id, label } = option.dataset;
  if (many(box)) {
    if (!$$("input[type=hidden]", chips).some((other) => other.value === id)) chips.append(chip(box, id, label));
    input.value = "";
  } else {
    value.value = id;
    input.value = label;
    clear.hidden = false;
    state.set(box, { ...(state.get(box) ?? {}), label });
  }
  shut(box);
  fire(value ?? input, "change");
}

function chip(box, id, label) {
  const node = $("[data-combobox-chip]", box).content.firstElementChild.cloneNode(true);
  $("input", node).name = box.dataset.name;
  $("input", node).value = id;
  $("span", node).textContent = label;
  const drop = $("button", node);
  drop.setAttribute("aria-label", `${drop.getAttribute("aria-label")} ${label}`);
  return node;
}

function empty(box) {
  const { input, value, clear } = parts(box);
  if (value) value.value = "";
  input.value = "";
  clear.hidden = true;
  state.delete(box);
  fire(value ?? input, "change");
  input.focus();
}

const later = (box, wait) => {
  const mine = state.get(box) ?? {};
  clearTimeout(mine.timer);
  state.set(box, { ...mine, timer: setTimeout(() => look(box), wait) });
};

on("input", "[data-combobox] [role=combobox]", (e, input) => {
  if (!e.isComposing) later(input.closest("[data-combobox]"), 150);
});
on("compositionend", "[data-combobox] [role=combobox]", (_, input) => later(input.closest("[data-combobox]"), 60));
on("focusin", "[data-combobox] [role=combobox]", (_, input) => {
  const box = input.closest("[data-combobox]");
  if (!state.has(box)) state.set(box, { label: input.value });
});
on("click", "[data-combobox] .input", (e, field) => {
  const box = field.closest("[data-combobox]");
  if (e.target.closest("[data-combobox-clear]")) return empty(box);
  const { input, list } = parts(box);
  input.focus();
  input.select();
  if (list.hidden) look(box);
});
on("click", "[data-combobox] [role=option]", (_, option) => take(option.closest("[data-combobox]"), option));
on("mousedown", "[data-combobox] [role=listbox]", (e) => e.preventDefault());
on("click", "[data-combobox-drop]", (_, button) => {
  const box = button.closest("[data-combobox]");
  button.closest(".chip").remove();
  parts(box).input.focus();
  fire(parts(box).input, "change");
});
on("focusout", "[data-combobox]", (e, box) => {
  if (box.contains(e.relatedTarget)) return;
  const { input, value } = parts(box);
  shut(box);
  if (many(box)) input.value = "";
  else if (!input.value.trim() && value.value) {
    value.value = "";
    parts(box).clear.hidden = true;
    fire(value, "change");
  } else if (input.value !== (state.get(box)?.label ?? "")) input.value = state.get(box)?.label ?? "";
});
on("keydown", "[data-combobox] [role=combobox]", (e, input) => {
  if (e.isComposing || e.keyCode === 229) return;
  const box = input.closest("[data-combobox]");
  const { list, chips } = parts(box);
  const all = options(box);
  const at = all.indexOf(active(box));
  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    e.preventDefault();
    if (list.hidden) return look(box);
    if (all.length) select(box, all.at((at + (e.key === "ArrowDown" ? 1 : -1)) % all.length));
  } else if (e.key === "Enter" && !list.hidden && active(box)) {
    e.preventDefault();
    e.stopPropagation();
    take(box, active(box));
  } else if (e.key === "Escape" && !list.hidden) {
    e.preventDefault();
    e.stopPropagation();
    shut(box);
  } else if (e.key === "Tab" && !list.hidden && active(box) && input.value.trim()) take(box, active(box));
  else if (e.key === "Backspace" && many(box) && !input.value) $$("[data-combobox-drop]", chips).at(-1)?.click();
});
