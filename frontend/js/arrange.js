import Sortable from "sortablejs";
import { $, $$, on } from "./dom.js";

// Lists that are put in order by dragging; every step has a button too. A layout has two lists: what is shown, and the rest.
let timer;
const form = (node) => node.closest("[data-arrange]");
const place = (item, list) => {
  const off = list.dataset.arrList === "free";
  $("[name=item]", item).disabled = off;
};

/** Called when a list to arrange comes into the page; gets what the frame has already loaded. */
export function start({ htmx, say }) {
  for (const list of $$("[data-drag-list],[data-arr-list]")) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      group: list.dataset.arrList ? { name: "arrange", put: (to, _from, item) => to.el.dataset.arrList === "used" || !item.matches(".arr-section") } : undefined,
      handle: "[data-drag]",
      draggable: "[data-drag-item]",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      ghostClass: "arr-ghost",
      onEnd: ({ item, to }) => {
        if (to.dataset.arrList) place(item, to);
        item.dispatchEvent(new Event("change", { bubbles: true }));
      },
    });
  }
  if (document.documentElement.dataset.arranges) return;
  document.documentElement.dataset.arranges = "1";
  const list = (node, name) => $(`[data-arr-list=${name}]`, form(node));
  on("click", "[data-arr-add],[data-arr-drop]", (_, button) => {
    const item = button.closest("[data-row-item]");
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const to = list(button, button.hasAttribute("data-arr-add") ? "used" : "free");
    const name = $(".grow", item).textContent.trim();
    button.hasAttribute("data-arr-add") ? to.append(item) : to.prepend(item);
    place(item, to);
    $(button.hasAttribute("data-arr-add") ? "[data-arr-add]" : "[data-arr-drop]", next ?? item)?.focus();
    say(name);
    item.dispatchEvent(new Event("change", { bubbles: true }));
  });
  on("click", "[data-arr-unsection]", (_, button) => {
    const root = form(button);
    button.closest("[data-row-item]").remove();
    root.dispatchEvent(new Event("change", { bubbles: true }));
  });
  on("click", "[data-arr-section]", (_, button) => {
    const row = document.getElementById(button.dataset.arrSection).content.firstElementChild.cloneNode(true);
    const name = `n${Date.now() % 1000000}`;
    for (const node of $$("input", row)) {
      node.name = node.name.replace("ROW", name);
      if (node.name === "item") node.value = `s:${name}`;
    }
    list(button, "used").append(row);
    $("input[type=text]", row).focus();
  });
  const show = (_, root) => {
    clearTimeout(timer);
    timer = setTimeout(() => htmx.ajax("POST", root.dataset.preview, { source: root, target: $("[data-arr-preview]", root), swap: "innerHTML" }), 150);
  };
  on("change", "[data-arrange]", show);
  on("input", "[data-arrange] [data-row-item] input[type=text]", (e, input) => show(e, form(input)));
}
