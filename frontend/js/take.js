import { $, $$, on } from "./dom.js";
import { openDrawer } from "./dialog.js";

const MOST = 300;

// The words chosen in the composer or in an entry of the time line; of the composer all that is written, else.
function words(link) {
  const area = $("textarea", link.closest("form") ?? document.createElement("i"));
  if (area) return area.value.slice(area.selectionStart, area.selectionEnd).trim() || area.value.trim();
  const chosen = getSelection();
  return link.closest(".entry")?.contains(chosen.anchorNode) ? String(chosen).trim() : "";
}

function take(link) {
  const url = new URL(link.href);
  const text = words(link).slice(0, MOST);
  if (text) url.searchParams.set("text", text);
  openDrawer(url.href, link);
  return true;
}

/** Makes something of the entry in which words are chosen, that has the focus or lies under the mouse; else of the newest. */
export function takeHere() {
  const chosen = getSelection();
  const by = chosen.isCollapsed ? null : chosen.anchorNode?.parentElement?.closest(".entry");
  const entry = by ?? document.activeElement?.closest(".entry") ?? $(".entry:hover");
  const link = (entry && $("[data-take]", entry)) || $$(".entry [data-take]").find((node) => node.offsetParent);
  return !!link && take(link);
}

on("click", "[data-take]", (e, link) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
  e.preventDefault();
  take(link);
});
on("keydown", "[data-composer] textarea", (e, area) => {
  if (!e.altKey || e.ctrlKey || e.metaKey || e.code !== "KeyP") return;
  const link = $("[data-take]", area.form);
  if (!link) return;
  e.preventDefault();
  take(link);
});
