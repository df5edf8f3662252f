import htmx from "htmx.org";
import { $, $$, on, parse } from "./dom.js";

/** Rows of long lists come light: what follows from the id of the row and the head of the column is put on here. */
export function dress(root) {
  const tables = [...$$("table[data-base]", root), ...(root.closest?.("table[data-base]") ? [root.closest("table")] : [])];
  for (const table of tables) {
    const heads = $$("thead th", table);
    for (const row of $$("tbody [data-row]", table)) {
      if (row.dataset.url) continue;
      row.dataset.id ??= $(".lead a", row).pathname.split("/").pop();
      const url = table.dataset.base + row.dataset.id;
      row.dataset.url = url;
      const pick = $(".pick", row);
      if (pick && !pick.firstChild) pick.append(parse('<label><input class="checkbox" type="checkbox" data-select></label>'));
      const chosen = $("[data-select]", row);
      if (chosen) {
        chosen.value = row.dataset.id;
        chosen.setAttribute("aria-label", $(".lead", row)?.textContent.trim() || row.dataset.id);
      }
      // by the key l, and by the mouse; Tab goes on to the next row
      if (table.dataset.log) {
        const log = parse(`<a class="iconbtn iconbtn-sm row-log" data-drawer tabindex="-1"><svg class="i i-sm" aria-hidden="true"><use></use></svg></a>`).firstChild;
        log.href = `${url}/log`;
        log.title = table.dataset.log;
        log.setAttribute("aria-label", table.dataset.log);
        $("use", log).setAttribute("href", `${document.body.dataset.icons}#notebook-pen`);
        $(".lead", row)?.append(log);
      }
      for (const person of $$("[data-av]", row)) {
        const name = person.textContent;
        person.replaceChildren(parse(`<span class="avatar av-${Number(person.dataset.av)} avatar-sm" aria-hidden="true"></span><span class="clip"></span>`));
        person.firstChild.textContent = [...name][0] ?? "";
        person.lastChild.textContent = name;
      }
      heads.forEach((head, n) => {
        const cell = row.cells[n];
        if (!cell) return;
        if (head.dataset.edit !== undefined) cell.dataset.editUrl = `${url}/field/${head.dataset.col}`;
        if (head.dataset.card && !cell.dataset.phone) Object.assign(cell.dataset, { phone: head.dataset.card, label: head.textContent.trim() });
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
