import htmx from "htmx.org";
import "./toast.js";
import "./form.js";
import "./dialog.js";
import "./theme.js";
import "./rail.js";
import "./keys.js";
import "./palette.js";
import "./combobox.js";
import "./selection.js";
import "./composer.js";
import "./dropzone.js";
import "./rows.js";
import "./shown.js";
import { dress } from "./light.js";
import "./builder.js";
import "./neighbours.js";
import "./sorted.js";
import "./notices.js";
import { $, fire, on, say } from "./dom.js";
import { openDrawer, openModal, showModal } from "./dialog.js";
import * as cells from "./inline-edit.js";
import { fail, toast } from "./toast.js";
import { moveFromPath, postMove } from "./move.js";

window.htmx = htmx;

// pressed state and thin bar for anything slower than a moment
let waiting = 0;
let timer;
const busy = (step) => {
  waiting = Math.max(0, waiting + step);
  clearTimeout(timer);
  if (waiting) timer = setTimeout(() => (document.documentElement.dataset.busy = ""), 120);
  else delete document.documentElement.dataset.busy;
};
document.addEventListener("htmx:beforeRequest", () => busy(1));
document.addEventListener("htmx:afterRequest", () => busy(-1));

const COUNTED = /<span id="([^"]+)" hx-swap-oob="innerHTML">[^<]*<\/span>/g;

// errors of htmx requests, told in words; a page that answered a sign-in form instead of a fragment is not swapped in
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const plain = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain") && xhr.responseText.length < 300;
  fail(xhr.status, plain ? xhr.responseText : "");
});
document.addEventListener("htmx:sendError", () => fail(0));
document.addEventListener("htmx:timeout", () => fail(0));
document.addEventListener("htmx:beforeSwap", (e) => {
  if (/^\s*<!doctype/i.test(e.detail.serverResponse) && !e.detail.target.matches("body")) {
    e.detail.shouldSwap = false;
    fail(401);
  }
  // what was counted for a tab that has gone meanwhile has no place any more
  e.detail.serverResponse = e.detail.serverResponse.replace(COUNTED, (told, id) => (document.getElementById(id) ? told : ""));
});

// typing with an input method never sends half a word: htmx hears of it when the word is finished
on("input", "form[data-ime] input", (e) => e.isComposing && e.stopPropagation(), true);
on("compositionend", "form[data-ime] input", (_, input) => input.dispatchEvent(new Event("input", { bubbles: true })));

document.addEventListener("htmx:afterSettle", ({ target, detail }) => {
  const words = target.dataset?.announce;
  if (words) say(words);
  if (target.id === "list-body" && $("#list-count")) $("#list-count").textContent = target.dataset.total;
  load(target);
  const asked = detail.requestConfig?.elt;
  if (document.activeElement === document.body && asked && !asked.isConnected) {
    $("[tabindex='0'],a,button,input", target)?.focus({ preventScroll: true });
  }
});

/** Heavy parts come only where they are used; they share these tools instead of carrying their own copy. */
const tools = { htmx, toast, fail, say, postMove, openModal, modal: (node, title, opener) => showModal(node, { title, opener }), cells, preview: openDrawer, refresh: () => fire(document.body, "zk:refresh") };
const parts = { arrange: "[data-drag-list],[data-arr-list]", board: "[data-board]", chart: "[data-chart]", list: "[data-list]", grid: "[data-grid]", calendar: "[data-calendar]" };
function load(root) {
  dress(root);
  for (const [name, selector] of Object.entries(parts)) {
    if (root.matches?.(selector) || $(selector, root) || (root !== document && root.closest?.(selector))) import(document.body.dataset[`${name}Js`]).then((m) => m.start(tools));
  }
}
load(document);
// not by scrollIntoView: browsers let the next Tab begin at what was brought into view
function showTab() {
  const tab = $(".tabs-line [aria-current]"), line = tab?.closest(".tabs-line");
  if (!line) return;
  const seen = line.getBoundingClientRect(), own = tab.getBoundingClientRect(), end = seen.right - parseFloat(getComputedStyle(line).paddingRight);
  line.scrollLeft += own.right > end ? own.right - end : Math.min(0, own.left - seen.left);
}
showTab();
on("htmx:afterRequest", ".tabs-bar", () => setTimeout(showTab)); // the numbers of the tabs make them wider
on("click", "[data-path] button[data-stage]", (_, button) => moveFromPath(button));
