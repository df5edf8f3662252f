import { $$, on } from "./dom.js";

// Lists of a dialog whose rows are dragged by their grip; the buttons "up" and "down" of rows.js do the same.
let lifted = null;
on("pointerdown", "[data-sorted] [data-grip]", (e, grip) => {
  e.preventDefault();
  lifted = grip.closest("[data-row-item]");
  lifted.dataset.lifted = "";
  grip.setPointerCapture(e.pointerId);
});
on("pointermove", "[data-sorted] [data-grip]", (e) => {
  if (!lifted) return;
  const list = lifted.parentElement;
  const others = $$("[data-row-item]:not([hidden])", list).filter((row) => row !== lifted);
  const next = others.find((row) => {
    const box = row.getBoundingClientRect();
    return e.clientY < box.top + box.height / 2;
  });
  if (lifted.nextElementSibling !== (next ?? null)) list.insertBefore(lifted, next ?? null);
  const box = list.getBoundingClientRect();
  if (e.clientY < box.top + 24) list.scrollTop -= 12;
  if (e.clientY > box.bottom - 24) list.scrollTop += 12;
});
function drop() {
  if (lifted) delete lifted.dataset.lifted;
  lifted = null;
}
on("pointerup", "[data-sorted] [data-grip]", drop);
on("pointercancel", "[data-sorted] [data-grip]", drop);
