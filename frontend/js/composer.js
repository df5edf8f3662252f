import { $, $$, on } from "./dom.js";

// What was written but not sent, kept while this page lives: a refresh of the time line must not eat it.
const drafts = new Map();
const names = ["kind", "text", "next_on", "next_text"];

function kind(form) {
  const now = $("[name=kind]:checked", form)?.value;
  for (const line of $$("[data-for-kind]", form)) line.hidden = line.dataset.forKind !== now;
}

function dates(form) {
  const value = $("[name=next_on]", form).value;
  for (const chip of $$("[data-set-date]", form)) chip.setAttribute("aria-pressed", String(chip.dataset.setDate === value));
  $("[data-next-text]", form).hidden = !value;
}

on("change", "[data-composer]", (e, form) => {
  if (e.target.name === "kind") {
    kind(form);
    $("textarea", form).focus();
  }
  if (e.target.name === "next_on") dates(form);
});
on("input", "[data-composer]", (_, form) => {
  const kept = {};
  for (const name of names) kept[name] = new FormData(form).get(name);
  drafts.set(form.dataset.draft, kept);
});
on("click", "[data-set-date]", (_, chip) => {
  const form = chip.closest("[data-composer]");
  const field = $("[name=next_on]", form);
  field.value = field.value === chip.dataset.setDate ? "" : chip.dataset.setDate;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
// a pressed outcome can be let go again
let before;
on("pointerdown", "[data-composer] .composer-line label.chip", (_, label) => (before = $("input", label).checked));
on("click", "[data-composer] .composer-line input[type=radio]", (_, radio) => {
  if (before) radio.checked = false;
  before = false;
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = detail.requestConfig?.elt;
  if (form?.matches?.("[data-composer]") && detail.xhr.status < 300) drafts.delete(form.dataset.draft);
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
  const form = target.querySelector?.("[data-composer]");
  if (!form) return;
  const kept = drafts.get(form.dataset.draft);
  if (kept && !$("textarea", form).value) {
    for (const radio of $$("[name=kind]", form)) radio.checked = radio.value === kept.kind;
    $("textarea", form).value = kept.text ?? "";
    $("[name=next_on]", form).value = kept.next_on ?? "";
    $("[name=next_text]", form).value = kept.next_text ?? "";
  }
  kind(form);
  dates(form);
});
on("click", "[data-focus]", (_, button) => {
  const field = $(button.dataset.focus);
  field?.scrollIntoView({ block: "center" });
  field?.focus();
});
