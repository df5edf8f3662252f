import { $, $$, on, parse, send } from "./dom.js";

// The dialog of conditions: rows come and go, and in the end they are read as the filter language.
// An answer that something newer was asked after is let go: the control of one field must never stand beside another.
const asked = new Map();
function fill(rule, op = "") {
  const rest = $("[data-rule-rest]", rule);
  const field = $("[data-rule-field]", rule).value;
  const url = `/${rest.dataset.entity}/filter?field=${encodeURIComponent(field)}&op=${op}`;
  const answer = send(url, { target: "rule" }).catch(() => ({ ok: false })).then(({ ok, html }) => {
    if (asked.get(rule) !== answer) return;
    asked.delete(rule);
    rest.replaceChildren(...(ok ? [parse(html)] : []));
  });
  asked.set(rule, answer);
  return answer;
}

function add(list, name) {
  const made = document.getElementById(name).content.firstElementChild.cloneNode(true);
  list.append(made);
  const rule = made.matches("[data-rule]") ? made : $("[data-rule]", made);
  if (rule) fill(rule);
  else {
    const inner = $("[data-rule-list]", made);
    add(inner, $("[data-linked-path]", made) ? `rule-${chosen(made)}` : $(`[data-rule-add]`, made).dataset.ruleAdd);
  }
  $("select", made)?.focus();
}
const chosen = (box) => $("[data-linked-path]", box).selectedOptions[0].dataset.entity;

on("click", "[data-rule-add]", (_, button) => {
  const box = button.closest("[data-linked],[data-rules]");
  const name = button.dataset.ruleAdd === "linked" ? `rule-${chosen(box)}` : button.dataset.ruleAdd;
  add($("[data-rule-list]", box), name);
});
on("click", "[data-rule-drop]", (_, button) => {
  const item = button.closest("li");
  const form = button.closest("form");
  (item.previousElementSibling ?? item.nextElementSibling ?? item.closest("fieldset")).querySelector("select,button")?.focus();
  item.remove();
  if (!form.contains(document.activeElement)) $("[data-rule-add]", form).focus();
});
on("change", "[data-rule-field]", (_, select) => fill(select.closest("[data-rule]")));
on("change", "[data-rule-op]", (_, select) => fill(select.closest("[data-rule]"), select.value).then(() => $("[data-rule-op]", select.closest("[data-rule]"))?.focus()));
on("change", "[data-linked-path]", (_, select) => {
  const list = $("[data-rule-list]", select.closest("[data-linked]"));
  list.replaceChildren();
  add(list, `rule-${chosen(select.closest("[data-linked]"))}`);
  select.focus();
});

const own = (list, selector) => [...list.children].flatMap((item) => (item.matches(selector) ? [item] : $$(`:scope > ${selector}`, item)));

function readRule(rule) {
  const key = $("[data-rule-field]", rule).value;
  const op = $("[data-rule-op]", rule)?.value;
  const inputs = $$("[name=value]", $("[data-rule-value]", rule) ?? rule);
  const values = inputs.filter((input) => !["checkbox", "radio"].includes(input.type) || input.checked).map((input) => input.value.trim());
  if (!op || !values.some(Boolean)) return null;
  return [key, op, op === "between" ? values.join(",") : op === "in" ? values.filter(Boolean).join(",") : values[0]];
}

function readParts(list) {
  return [...list.children].map((item) => {
    if (item.matches("[data-rule]")) return readRule(item);
    const box = $("[data-rules],[data-linked]", item);
    return box.matches("[data-linked]") ? readLinked(box) : readGroup(box);
  }).filter(Boolean);
}
function readGroup(box) {
  const parts = readParts($("[data-rule-list]", box));
  const kind = $("[data-rules-kind]", box).value;
  return parts.length ? [kind === "none" ? "not" : kind, ...parts] : null;
}
const readLinked = (box) => [$("[data-linked-kind]", box).value, $("[data-linked-path]", box).value, ...readParts($("[data-rule-list]", box))];

on("submit", "form[data-builder]", async (e, form) => {
  e.preventDefault();
  await Promise.all(asked.values());
  const root = readGroup($("[data-rules]", form));
  const here = new URL(location.href);
  for (const name of [...here.searchParams.keys()]) if (name.includes("__") || ["where", "page", "after", "before", "open", "typed", "q"].includes(name)) here.searchParams.delete(name);
  if (!here.searchParams.has("view")) here.searchParams.set("view", $(".tabs-line [aria-current]")?.dataset.view ?? "");
  const parts = !root ? [] : root[0] === "all" ? root.slice(1) : [root];
  for (const part of parts) {
    const plain = part.length === 3 && !["all", "any", "not", "some", "none"].includes(part[0]) && !part[0].includes(".");
    if (plain) here.searchParams.append(`${part[0]}__${part[1]}`, part[2]);
    else here.searchParams.append("where", JSON.stringify(part));
  }
  location.assign(here);
});
