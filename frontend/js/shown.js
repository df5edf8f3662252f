// Fields that are asked for only where others say so: `data-shown-if` holds the conditions, as the server knows them.
// Where a condition names a field that the form has not, what the server said stays.
import { $$ } from "./dom.js";

const BLANK = ["", undefined];
const values = (form, key) => new FormData(form).getAll(key).filter((v) => v !== "");
const knows = (form, key) => $$(`[name="${CSS.escape(key)}"], [data-name="${CSS.escape(key)}"]`, form).length > 0;

function answers(form, [key, op, said]) {
  const held = values(form, key);
  const wanted = (Array.isArray(said) ? said : ["in", "between"].includes(op) ? String(said).split(",") : [said]).map(String);
  const truth = { true: "1", True: "1", false: "", False: "" };
  const same = (v) => wanted.some((w) => v === w || v === truth[w]);
  const [first, last] = [wanted[0], wanted.at(-1)].map(Number);
  const number = Number(held[0]);
  switch (op) {
    case "empty": return (held.length === 0) === !["0", "false"].includes(String(said));
    case "eq": case "in": case "has": return held.length ? held.some(same) : same("");
    case "ne": return !(held.length ? held.some(same) : same(""));
    case "contains": return (held[0] ?? "").toLowerCase().includes(wanted[0].toLowerCase());
    case "gte": return !BLANK.includes(held[0]) && (Number.isNaN(first) ? held[0] >= wanted[0] : number >= first);
    case "lte": return !BLANK.includes(held[0]) && (Number.isNaN(first) ? held[0] <= wanted[0] : number <= first);
    case "between": return !BLANK.includes(held[0]) && number >= first && number <= last;
    default: return true;
  }
}

function holds(form, part) {
  const [first, ...rest] = part;
  if (first === "any") return rest.some((p) => holds(form, p));
  if (first === "all") return rest.every((p) => holds(form, p));
  if (first === "not") return !rest.every((p) => holds(form, p));
  return answers(form, part);
}

const keys = (part) => (["any", "all", "not"].includes(part[0]) ? part.slice(1).flatMap(keys) : [part[0]]);

function look(form) {
  for (const field of $$("[data-shown-if]", form)) {
    const parts = JSON.parse(field.dataset.shownIf);
    if (!parts.flatMap(keys).every((key) => knows(form, key))) continue;
    const shown = parts.every((part) => holds(form, part));
    field.hidden = !shown;
    for (const control of $$("[required], [data-required]", field)) {
      control.dataset.required = "";
      control.required = shown;
    }
  }
}

for (const name of ["input", "change"])
  document.addEventListener(name, (e) => {
    const form = e.target.closest?.("form");
    if (form?.querySelector("[data-shown-if]")) look(form);
  });
document.addEventListener("htmx:load", ({ target }) => $$("form", target).concat(target.closest?.("form") ?? []).forEach(look));
$$("form").forEach(look);
