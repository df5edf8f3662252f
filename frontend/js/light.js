import htmx from "htmx.org";
import { $, $$, on } from "./dom.js";

/** Rows of long lists come light: what follows from the id of the row and the head of the column is put on here. */
export function dress(root) {
  const tables = [...$$("table[data-base]", root), ...(root.closest?.("table[data-base]") ? [root.closest("table")] : [])];
  for (const table of tables) {
    const heads = $$("thead th", table);
    for (const row of $$("tbody [data-id]", table)) {
      if (row.dataset.url) continue;
      const url = table.dataset.base + row.dataset.id;
      row.dataset.url = url;
      const box = $("[data-select]", row);
      if (box) {
        box.value = row.dataset.id;
        box.setAttribute("aria-label", $(".lead", row)?.textContent.trim() || row.dataset.id);
      }
      heads.forEach((head, n) => {
        if (head.dataset.edit !== undefined && row.cells[n]) row.cells[n].dataset.editUrl = `${url}/field/${head.dataset.col}`;
      });
    }
  }
}

// a head that sorts swaps the list alone
on("click", "a[data-swap]", (e, link) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button || e.defaultPrevented) return;
  e.preventDefault();
  const key = link.closest("[data-col]")?.dataset.col;
  const to = new URL(link.href);
  const here = new URL(location.href);
  for (const name of ["as", "cols", "freeze", "density", "group", "date", "typed"]) if (here.searchParams.has(name)) to.searchParams.set(name, here.searchParams.get(name));
  htmx.ajax("GET", to.href, { target: `#${link.dataset.swap}`, swap: "outerHTML" }).then(() => {
    history.pushState({}, "", to);
    $(`th[data-col="${CSS.escape(key ?? "")}"] a`)?.focus({ preventScroll: true });
  });
});
