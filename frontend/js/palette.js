import { $, $$, on, say, send } from "./dom.js";
import { open, openDrawer } from "./dialog.js";

const dialog = $("#palette");
const input = $("[data-palette-input]");
const list = $("#palette-list");
let timer;
let running;
let inside = ""; // the record whose actions are shown

const options = () => $$("[role=option]", list);
const chosen = () => $("[aria-selected=true]", list);

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

/** Asks for what the box says, or for what one record offers (`of`, entity/id), until something is typed. */
async function look(of = "") {
  running?.abort();
  running = new AbortController();
  const asked = of ? `/${of}` : `?q=${encodeURIComponent(input.value.trim())}`;
  const url = `${dialog.dataset.paletteUrl}${asked}`;
  inside = of;
  try {
    const answer = await send(url, { signal: running.signal, target: "palette-list" });
    if (!answer.ok) return;
    list.innerHTML = answer.html;
    choose(options()[0]);
    say(chosen()?.textContent.trim() ?? list.textContent.trim());
  } catch (error) {
    if (error.name !== "AbortError") list.textContent = document.body.dataset.textOffline;
  }
}

function show() {
  open(dialog);
  input.select();
  if (!list.childElementCount || !input.value || inside) look();
}

function go(option, newTab) {
  if (!option) {
    if (input.value.trim()) location.assign(`${dialog.dataset.searchUrl}?q=${encodeURIComponent(input.value.trim())}`);
    return;
  }
  if (option.dataset.fill) {
    input.value = option.dataset.fill;
    input.focus();
    return look();
  }
  if (newTab) return window.open(option.href, "_blank", "noopener");
  dialog.close();
  if (option.hasAttribute("data-drawer")) openDrawer(option.href, $("#main"));
  else location.assign(option.href);
}

if (dialog) {
  on("click", "[data-palette-open]", show);
  document.addEventListener("keydown", (e) => {
    if (e.code === "KeyK" && (e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey) {
      e.preventDefault();
      if (dialog.open) dialog.close();
      else show();
    }
  });
  input.addEventListener("input", (e) => {
    if (e.isComposing) return;
    clearTimeout(timer);
    timer = setTimeout(() => look(), 120);
  });
  input.addEventListener("compositionstart", () => clearTimeout(timer));
  input.addEventListener("compositionend", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look(), 60);
  });
  input.addEventListener("keydown", (e) => {
    if (e.isComposing || e.keyCode === 229) return;
    const all = options();
    const at = all.indexOf(chosen());
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      if (all.length) choose(all.at((at + (e.key === "ArrowDown" ? 1 : -1)) % all.length));
    } else if (e.key === "Home" && e.ctrlKey) choose(all[0]);
    else if (e.key === "End" && e.ctrlKey) choose(all.at(-1));
    else if (e.key === "Tab" && (e.shiftKey ? inside : chosen()?.dataset.actions)) {
      e.preventDefault();
      look(e.shiftKey ? "" : chosen().dataset.actions);
    } else if (e.key === "Escape" && inside) {
      e.preventDefault();
      look();
    } else if (e.key === "Enter") {
      e.preventDefault();
      go(chosen(), e.ctrlKey || e.metaKey);
    }
  });
  list.addEventListener("click", (e) => {
    const option = e.target.closest("[role=option]");
    if (!option || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    e.stopPropagation();
    go(option, false);
  });
}
