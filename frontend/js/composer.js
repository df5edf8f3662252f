import { $, $$, on } from "./dom.js";
import { named, remember } from "./mention.js";

// What was written but not saved stays in this browser, by person and record, over reloads, lost connections and ended
// sessions; a refresh of the time line must not eat it either. Where the browser keeps nothing, this page does.
const BEFORE = "zk-draft:";
const DAYS = 14;
const names = ["kind", "text", "next_on", "next_time", "next_text", "idempotency_key"];
const page = new Map();
const shelf = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(BEFORE + key)) ?? page.get(key);
    } catch {
      return page.get(key);
    }
  },
  set(key, kept) {
    page.set(key, kept);
    try {
      localStorage.setItem(BEFORE + key, JSON.stringify(kept));
    } catch {}
  },
  drop(key) {
    page.delete(key);
    try {
      localStorage.removeItem(BEFORE + key);
    } catch {}
  },
  tidy() {
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(BEFORE) && !(JSON.parse(localStorage.getItem(key)).at > Date.now() - DAYS * 864e5)) localStorage.removeItem(key);
      }
    } catch {}
  },
};

// The rows of chips lie on the keyboard as on the screen: kinds on the digits, results below them, next steps below these.
const ROWS = [
  [".composer-kinds label", "123456789"],
  [".composer-line:not([hidden])[data-for-kind] .chip", "QWERTYUIO"],
  ["[data-set-date]", "ASDFGHJ"],
];

function keys(form) {
  for (const [selector, letters] of ROWS) {
    $$(selector, form).forEach((chip, n) => {
      if (!letters[n]) return;
      ($("input", chip) ?? chip).setAttribute("aria-keyshortcuts", `Alt+${letters[n]}`);
      chip.title = `Alt ${letters[n]}`;
    });
  }
}

function kind(form) {
  const now = $("[name=kind]:checked", form)?.value;
  for (const line of $$("[data-for-kind]", form)) line.hidden = line.dataset.forKind !== now;
  keys(form);
}

function dates(form) {
  const value = $("[name=next_on]", form).value;
  for (const chip of $$("[data-set-date]", form)) chip.setAttribute("aria-pressed", String(chip.dataset.setDate === value));
  for (const field of $$("[data-next-text]", form)) field.hidden = !value;
}

function keep(form) {
  const sent = new FormData(form);
  const kept = { at: Date.now(), result: sent.get(`outcome-${sent.get("kind")}`) };
  for (const name of names) kept[name] = sent.get(name);
  kept.mentions = named(form);
  if (kept.text || kept.result || kept.next_on) shelf.set(form.dataset.draft, kept);
  else shelf.drop(form.dataset.draft);
}

function choose(form, name, value) {
  for (const radio of $$(`[name="${name}"]`, form)) radio.checked = radio.value === value;
}

/** Puts back what was written here before, and brings chips and lines in step. */
function start(form) {
  if (form.dataset.started) return;
  form.dataset.started = "1";
  const kept = shelf.get(form.dataset.draft);
  if (kept && !$("[data-error-summary]", form) && !$("textarea", form).value) {
    choose(form, "kind", kept.kind);
    if (kept.result) choose(form, `outcome-${kept.kind}`, kept.result);
    for (const name of names.slice(1)) if (kept[name]) $(`[name=${name}]`, form).value = kept[name];
    remember(form, kept.mentions);
    $("[data-draft-note]", form).hidden = false;
  }
  kind(form);
  dates(form);
}

function takeKind(form, value) {
  choose(form, "kind", value);
  kind(form);
  $("textarea", form).focus();
}

on("change", "[data-composer]", (e, form) => {
  if (e.target.name === "kind") {
    kind(form);
    $("textarea", form).focus();
  }
  if (e.target.name === "next_on") dates(form);
});
on("input", "[data-composer]", (_, form) => keep(form));
on("click", "[data-set-date]", (_, chip) => {
  const form = chip.closest("[data-composer]");
  const field = $("[name=next_on]", form);
  field.value = field.value === chip.dataset.setDate ? "" : chip.dataset.setDate;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
on("click", "[data-draft-drop]", (_, button) => {
  const form = button.closest("form");
  shelf.drop(form.dataset.draft);
  for (const radio of $$("input[type=radio]", form)) radio.checked = radio.defaultChecked;
  for (const field of $$("textarea,[name^=next_]", form)) field.value = "";
  for (const person of $$("[name=mention]", form)) person.remove();
  button.parentElement.hidden = true;
  kind(form);
  dates(form);
  $("textarea", form).focus();
});
// a template goes where the cursor is; the first gap in it is marked, so that typing fills it
on("click", "[data-template]", (_, item) => {
  const form = item.closest("[data-composer]");
  const area = $("textarea", form);
  const { template, templateKind } = item.dataset;
  if (templateKind) choose(form, "kind", templateKind);
  kind(form);
  item.closest("details").open = false;
  area.focus();
  const from = area.selectionStart;
  area.setRangeText(template, from, area.selectionEnd, "end");
  const gap = /_{2,}/.exec(template);
  if (gap) area.setSelectionRange(from + gap.index, from + gap.index + gap[0].length);
  area.dispatchEvent(new Event("input", { bubbles: true }));
});
on("change", "[data-composer] [type=file]", (_, field) => {
  const said = $("[data-file-name]", field.closest("label"));
  said.textContent = field.files[0]?.name ?? said.dataset.fileName;
});
on("keydown", "[data-composer]", (e, form) => {
  if (!e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || e.isComposing) return;
  const key = e.code.replace(/^(Key|Digit)/, "");
  for (const [selector, letters] of ROWS) {
    const chip = key.length === 1 && $$(selector, form)[letters.indexOf(key)];
    if (!chip) continue;
    e.preventDefault();
    const before = document.activeElement;
    chip.click();
    if (before?.isConnected) before.focus();
    return;
  }
});

/** A digit on the page of a record begins a follow-up of that kind. */
export function begin(digit) {
  const form = $$("[data-composer]").find((node) => node.offsetParent);
  const radio = form && $$("[name=kind]", form)[digit - 1];
  if (!radio) return false;
  takeKind(form, radio.value);
  return true;
}

// whoever is called is written of next
on("click", "a[href^='tel:']", () => {
  const form = $(".rec [data-composer]");
  if (form && !$("textarea", form).value) {
    choose(form, "kind", "call");
    kind(form);
  }
});
// a pressed outcome can be let go again; after a press the words go on where there is a keyboard
let before;
on("pointerdown", "[data-composer] .composer-line label.chip", (_, label) => (before = $("input", label).checked));
on("click", "[data-composer] .composer-line input[type=radio]", (e, radio) => {
  if (before) {
    radio.checked = false;
    keep(radio.form);
  }
  before = false;
  if (e.detail && matchMedia("(pointer: fine)").matches) $("textarea", radio.form).focus();
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = detail.requestConfig?.elt;
  // a sign-in page is no answer: the session has ended, and the words are still needed
  const answered = detail.xhr.status < 300 && !/^\s*<!doctype/i.test(detail.xhr.responseText);
  if (answered && form?.matches?.("[data-composer],[data-comment]")) shelf.drop(form.dataset.draft);
});
/** The box for a comment keeps what was written as the composer does; opened, it takes the focus. */
function open(form) {
  if (form.dataset.started) return;
  form.dataset.started = "1";
  const area = $("textarea", form);
  const kept = shelf.get(form.dataset.draft);
  if (kept && (!area.value || !$("[name=idempotency_key]", form)) && !$(".notice", form)) {
    area.value = kept.text;
    const key = $("[name=idempotency_key]", form);
    if (key && kept.key) key.value = kept.key;
    remember(form, kept.mentions);
  }
}
on("input", "[data-comment]", (_, form) => {
  const text = $("textarea", form).value;
  const kept = { at: Date.now(), text, key: $("[name=idempotency_key]", form)?.value, mentions: named(form) };
  if (text) shelf.set(form.dataset.draft, kept);
  else shelf.drop(form.dataset.draft);
});
const begun = () => {
  $$("[data-composer]").forEach(start);
  $$("[data-comment]").forEach(open);
};
document.addEventListener("htmx:afterSettle", begun);
begun();
shelf.tidy();
on("click", "[data-focus]", (_, button) => {
  const field = $(button.dataset.focus);
  field?.scrollIntoView({ block: "center" });
  field?.focus();
});
