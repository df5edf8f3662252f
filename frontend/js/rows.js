import { $, $$, on } from "./dom.js";

// Rows of a form that are added, reordered and removed before the form is sent.
on("click", "[data-row-up],[data-row-down]", (_, button) => {
  const row = button.closest("[data-row-item]");
  if (button.hasAttribute("data-row-up")) row.previousElementSibling?.before(row);
  else row.nextElementSibling?.after(row);
  button.focus();
  row.dispatchEvent(new Event("change", { bubbles: true }));
});
on("click", "[data-row-add]", (_, button) => {
  const list = $("[data-rows-list]", button.closest("form"));
  const row = document.getElementById(button.dataset.rowAdd).content.firstElementChild.cloneNode(true);
  const name = `n${list.childElementCount}x${Date.now() % 100000}`;
  for (const node of $$("*", row)) {
    for (const attribute of ["name", "id", "for"]) {
      const value = node.getAttribute(attribute);
      if (value?.includes("ROW")) node.setAttribute(attribute, value.replace("ROW", name));
    }
    if (node.name === "row") node.value = name;
  }
  list.append(row);
  $("input[type=text]", row).focus();
});
on("change", "[data-row-remove]", (_, box) => {
  const row = box.closest("[data-row-item]");
  const saved = $("[name$='-id']", row).value;
  if (box.checked && !saved) return row.remove();
  row.classList.toggle("stage-off", box.checked);
  $("[data-row-heir]", row).hidden = !box.checked;
});

// a search box that narrows what is on the page
on("input", "[data-narrow]", (_, input) => {
  const wanted = input.value.trim().toLowerCase();
  for (const node of $$(input.dataset.narrow)) node.hidden = !node.dataset.setting.toLowerCase().includes(wanted);
  for (const section of $$("section:has([data-setting])")) section.hidden = !$("[data-setting]:not([hidden])", section);
});
on("change", "select[data-goto]", (_, select) => location.assign(select.value));
on("change", ".scope", (_, select) => (select.dataset.scope = select.value));
