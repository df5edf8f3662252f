import { $, $$, on } from "./dom.js";
import { openModal } from "./dialog.js";

const list = (node) => node.closest("[data-list]");
let last;

function refresh(root) {
  const boxes = $$("[data-select]", root);
  const picked = boxes.filter((box) => box.checked);
  const all = $("[data-select-all]", root);
  if (all) {
    all.checked = boxes.length > 0 && picked.length === boxes.length;
    all.indeterminate = picked.length > 0 && picked.length < boxes.length;
  }
  const bar = $("[data-bulk]", root);
  if (!bar) return;
  bar.hidden = picked.length === 0;
  if (picked.length < boxes.length) delete bar.dataset.token;
  const every = $("[data-bulk-all]", bar);
  if (every) {
    every.hidden = picked.length < boxes.length || "token" in bar.dataset; // a list without a filter has the token ""
    if (!("token" in bar.dataset)) $("[data-bulk-count]", bar).textContent = picked.length;
  } else $("[data-bulk-count]", bar).textContent = picked.length;
  for (const button of $$("[data-bulk-page]", bar)) {
    const { bulkLeast = 2, bulkMost = 5 } = button.dataset;
    button.hidden = "token" in bar.dataset || picked.length < bulkLeast || picked.length > bulkMost;
  }
  for (const box of boxes) box.closest("tr").setAttribute("aria-selected", String(box.checked));
}

on("click", "[data-select]", (e, box) => {
  const boxes = $$("[data-select]", list(box));
  if (e.shiftKey && last?.isConnected) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const other of boxes.slice(from, to + 1)) other.checked = box.checked;
  }
  last = box;
});
on("change", "[data-select]", (_, box) => refresh(list(box)));
on("change", "[data-select-all]", (_, all) => {
  for (const box of $$("[data-select]", list(all))) box.checked = all.checked;
  refresh(list(all));
});
on("click", "[data-bulk-none]", (_, button) => {
  const root = list(button);
  for (const box of $$("[data-select]", root)) box.checked = false;
  refresh(root);
});
on("click", "[data-bulk-all]", (_, button) => {
  const bar = button.closest("[data-bulk]");
  bar.dataset.token = button.dataset.bulkAll;
  $("[data-bulk-count]", bar).textContent = button.textContent.replace(/[^\d,.万亿+]/g, "");
  button.hidden = true;
});
on("click", "[data-bulk-url]", (_, button) => {
  const body = new FormData();
  const { token } = button.closest("[data-bulk]").dataset;
  if (token !== undefined) body.append("all", token);
  else for (const box of $$("[data-select]:checked", list(button))) body.append("ids", box.value);
  openModal(button.dataset.bulkUrl, { method: "POST", body, opener: button });
});
on("click", "[data-bulk-page]", (_, button) => {
  const ids = $$("[data-select]:checked", list(button)).map((box) => box.value);
  location.assign(`${button.dataset.bulkPage}?ids=${ids.join(",")}`);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const root of $$("[data-list]")) refresh(root);
});
on("dblclick", "[data-row]", (e, row) => {
  if (e.target.closest("[data-edit-url],a,button,input,label") || !row.dataset.url) return;
  location.assign(row.dataset.url);
});
