import { $, $$, cookie, on, typing } from "./dom.js";
import { begin } from "./composer.js";
import { open, openDrawer } from "./dialog.js";
import { takeHere } from "./take.js";

// The key pressed, by its place for letters, so that an input method or another layout does not matter.
function name(e) {
  if (/^Key[A-Z]$/.test(e.code)) return e.code.slice(3).toLowerCase();
  if (e.key === "?" || (e.code === "Slash" && e.shiftKey)) return "?";
  return { Slash: "/", BracketLeft: "[", BracketRight: "]" }[e.code] ?? e.key;
}

const places = { h: ["home"], l: ["leads", "lead"], c: ["customers", "customer", "accounts", "account"], p: ["contacts", "contact"], d: ["deals", "deal"], t: ["tasks", "activities", "activity"], r: ["reports", "report"] };
let goUntil = 0;

const rows = () => $$("[data-row]").filter((row) => row.offsetParent);
const current = () => $("[data-row][data-cursor]");

function move(step) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  current()?.removeAttribute("data-cursor");
  next.dataset.cursor = "";
  next.scrollIntoView({ block: "nearest" });
  $("a,input", next)?.focus({ preventScroll: true });
  return true;
}

function press(element) {
  if (!element) return false;
  if (element.matches("textarea,select,input:not([type=checkbox])")) element.focus();
  else element.click();
  return true;
}

const actions = {
  "?": () => open($("#keys")) ?? true,
  j: () => move(1),
  k: () => move(-1),
  Enter: () => document.activeElement === document.body && current() && (location.assign(current().dataset.url), true),
  p: () => takeHere(),
  l: () => {
    const row = current()?.closest("[data-log]") && current();
    if (row) openDrawer(`${row.dataset.url}/log`, $("a,input", row));
    return !!row;
  },
  x: () => press(current()?.querySelector("[data-select]")),
  s: () => {
    const card = $("[data-card]:focus-within [data-card-move]");
    if (card) return press(card);
    const stage = $("[data-path] button");
    stage?.focus();
    return !!stage;
  },
};

document.addEventListener("keydown", (e) => {
  if (e.defaultPrevented || e.isComposing || e.keyCode === 229) return;
  if (document.body.dataset.keys === "off" || e.ctrlKey || e.metaKey || e.altKey) return;
  if (typing(e.target) || $("dialog[open]")) return;
  const key = name(e);
  if (Date.now() < goUntil && places[key]) {
    goUntil = 0;
    const link = places[key].map((name) => $(`[data-nav="${name}"]`)).find(Boolean);
    if (link) {
      e.preventDefault();
      location.assign(link.href);
    }
    return;
  }
  if (key === "g") {
    goUntil = Date.now() + 1500;
    return;
  }
  const done = actions[key]?.() || (/^[1-9]$/.test(key) && begin(Number(key))) || press($$(`[data-key="${CSS.escape(key)}"]`).find((node) => node.offsetParent));
  if (done) e.preventDefault();
});

on("change", "[data-keys-switch]", (_, box) => {
  document.body.dataset.keys = box.checked ? "on" : "off";
  cookie("zk_keys", document.body.dataset.keys);
});
on("focusin", "[data-row]", (_, row) => {
  if (row === current()) return;
  current()?.removeAttribute("data-cursor");
  row.dataset.cursor = "";
});
