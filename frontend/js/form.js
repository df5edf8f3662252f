import { $, $$, on, text } from "./dom.js";

// unsaved changes ------------------------------------------------------------------------------------------------------
const dirty = new Set();
let leaving = false;

on("input", "form[data-guard]", (_, form) => dirty.add(form));
on("change", "form[data-guard]", (_, form) => dirty.add(form));

const changed = (root) => [...dirty].some((form) => form.isConnected && root.contains(form));

/** True when nothing would be lost in `root`, or when the person agrees to lose it. */
export function mayLeave(root) {
  if (!changed(root)) return true;
  const yes = confirm(text("Leave"));
  if (yes) for (const form of [...dirty]) if (root.contains(form)) dirty.delete(form);
  return yes;
}

addEventListener("beforeunload", (e) => {
  if (!leaving && changed(document)) e.preventDefault();
});

// sending once -----------------------------------------------------------------------------------------------------------
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.dataset.sending) {
    e.preventDefault();
    e.stopImmediatePropagation();
    return;
  }
  if (form.method !== "post" || form.hasAttribute("hx-post") || form.dataset.inlineForm !== undefined || form.dataset.moveForm !== undefined) return;
  leaving = true;
  form.dataset.sending = "1";
}, true);
addEventListener("pageshow", () => {
  leaving = false;
  for (const form of $$("form[data-sending]")) delete form.dataset.sending;
});
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const form = detail.elt.closest?.("form");
  if (form && detail.requestConfig.verb === "post" && detail.elt === form) form.dataset.sending = "1";
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.elt.closest?.("form");
  if (!form) return;
  delete form.dataset.sending;
  if (detail.successful && detail.elt === form) {
    dirty.delete(form);
    if (detail.xhr.getResponseHeader("HX-Redirect")) leaving = true;
  }
});

// errors ----------------------------------------------------------------------------------------------------------------
const showErrors = (root) => $("form [data-error-summary]", root.parentNode ?? root)?.focus();
on("click", "[data-error-summary] a[href^='#']", (e, link) => {
  const field = document.getElementById(link.hash.slice(1));
  if (!field) return;
  e.preventDefault();
  const control = field.matches("fieldset,div") ? $("input,select,textarea", field) : field;
  control?.focus();
  field.scrollIntoView({ block: "center" });
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
  const form = target.matches?.("form") ? target : null;
  if (form) {
    dirty.add(form);
    showErrors(form);
  }
});
showErrors(document);

// saving by Ctrl+Enter, numbers, "next" of small forms ------------------------------------------------------------------
on("keydown", "form", (e, form) => {
  if (e.isComposing || e.keyCode === 229) {
    if (e.key === "Enter") e.stopPropagation();
    return;
  }
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
    e.preventDefault();
    form.requestSubmit($("[type=submit]:not([name])", form) ?? undefined);
  }
});
on("change", "input[data-number]", (_, input) => {
  const plain = input.value.normalize("NFKC").replace(/[,\s¥￥_]/g, "");
  const big = { 万: 1e4, 亿: 1e8 }[plain.at(-1)];
  if (big && /^-?\d+(\.\d+)?.$/.test(plain)) input.value = scaled(plain.slice(0, -1), big);
  else if (/^-?\d+(\.\d+)?%?$/.test(plain)) input.value = plain.replace("%", "");
});
/** Moves the decimal point of a written number, without floating point. */
function scaled(digits, factor) {
  const [whole, part = ""] = digits.split(".");
  const shift = String(factor).length - 1;
  const padded = part.padEnd(shift, "0");
  const rest = padded.slice(shift);
  return `${whole}${padded.slice(0, shift)}`.replace(/^(-?)0+(?=\d)/, "$1") + (rest ? `.${rest}` : "");
}
for (const field of $$("[data-here]")) field.value = location.pathname + location.search;
