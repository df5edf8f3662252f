import { $, $$ } from "./dom.js";

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
