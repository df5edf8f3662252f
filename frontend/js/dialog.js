import htmx from "htmx.org";
import { $, $$, on, say, send, text } from "./dom.js";
import { fail } from "./toast.js";
import { mayLeave } from "./form.js";

const openers = new WeakMap();

export function open(dialog, opener = document.activeElement) {
  if (dialog.open) return;
  for (const menu of $$("details[data-menu][open]")) menu.open = false;
  for (const sheet of $$("#railsheet[open],#createsheet[open]")) sheet.close();
  openers.set(dialog, opener);
  dialog.showModal();
}

export function close(dialog) {
  if (dialog?.open && mayLeave(dialog)) dialog.close();
}

document.addEventListener(
  "close",
  ({ target }) => {
    const box = $("#toasts");
    if (target.contains(box)) {
      document.body.append(box);
      if (box.childElementCount) box.showPopover();
    }
    const opener = openers.get(target);
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  },
  true,
);
document.addEventListener("cancel", (e) => {
  if (e.target instanceof HTMLDialogElement && !mayLeave(e.target)) e.preventDefault();
}, true);

on("click", "[data-open]", (_, button) => open(document.getElementById(button.dataset.open), button));
on("click", "[data-close]", (e, button) => {
  const dialog = button.closest("dialog");
  if (!dialog) return;
  e.preventDefault();
  close(dialog);
});
on("pointerdown", "dialog[open]", (e, dialog) => {
  if (e.target !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const inside = e.clientX >= box.left && e.clientX <= box.right && e.clientY >= box.top && e.clientY <= box.bottom;
  if (!inside) close(dialog);
});

/** Opens a page's form in the drawer; the link stays a link for new tabs and without JavaScript. */
export function openDrawer(url, opener) {
  const drawer = $("#drawer");
  const body = $("#drawer-body");
  body.replaceChildren($("[data-drawer-wait]").content.cloneNode(true));
  $("[data-drawer-title]").textContent = text("Loading");
  $("[data-drawer-page]").href = url;
  open(drawer, opener);
  htmx.ajax("GET", url, { target: "#drawer-body", swap: "innerHTML" });
}

on("click", "a[data-drawer]", (e, link) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button || e.defaultPrevented) return;
  e.preventDefault();
  openDrawer(link.href, link.closest("dialog,details") ? $("#main") : link);
});

/** Opens a fragment in the middle of the page. */
export async function openModal(url, { method = "GET", body = null, opener } = {}) {
  const answer = await send(url, { method, body, target: "modal-body" }).catch(() => ({ status: 0 }));
  if (!answer.ok && answer.status !== 422) return fail(answer.status, answer.words);
  if (!answer.html.trim()) return;
  showModal(answer.html, { opener });
}

export function showModal(html, { title = "", opener } = {}) {
  const body = $("#modal-body");
  if (html instanceof Node) body.replaceChildren(html);
  else body.innerHTML = html;
  htmx.process(body);
  $("#modal").classList.toggle("dialog-wide", !!$("[data-wide]", body));
  $("[data-modal-title]").textContent = title || $("[data-title]", body)?.dataset.title || document.title.split(" · ")[0];
  open($("#modal"), opener);
  first(body)?.focus();
}

const first = (root) =>
  $("[data-error-summary]", root) ?? $("[autofocus]", root) ?? $(":is([aria-invalid=true],input:not([type=hidden]):not([disabled]),select,textarea,button):not(.paste *)", root);

on("submit", "form[data-capture]", (e, form) => {
  const url = new URL(form.action);
  const words = new FormData(form).get("text").trim();
  e.preventDefault();
  if (!words) return;
  url.searchParams.set("text", words);
  openDrawer(url.href, $("input", form));
  form.reset();
});
document.addEventListener("htmx:responseError", ({ detail }) => {
  const waiting = detail.target?.id === "drawer-body" && !$("form", detail.target);
  if (waiting) $("#drawer").close();
});

on("click", "[data-modal]", (e, link) => {
  e.preventDefault();
  const url = link.dataset.modal + (link.hasAttribute("data-with-address") ? location.search : "");
  openModal(url, { opener: link.closest("details[data-menu]") ? $("summary", link.closest("details")) : link });
});
// what a dialog has to know of the page behind it, and choices that show further fields
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id === "list-filter" && detail.triggeringEvent?.type === "submit") detail.parameters.typed = "2"; // Enter makes conditions of the words
  if ($("input[data-address]", detail.elt)) detail.parameters.here = location.search.slice(1);
  if ($("input[data-path-here]", detail.elt)) detail.parameters.path = location.pathname;
});
on("change", "[data-shows]", (_, radio) => {
  for (const node of $$("[data-shown-by]", radio.form)) node.hidden = node.dataset.shownBy !== radio.dataset.shows;
});
// a file comes beside the page, which stays: the dialog that asked for it does not
on("submit", "dialog form[data-download]", (_, form) => setTimeout(() => form.closest("dialog").close(), 400));
on("click", "[data-post]", async (e, link) => {
  e.preventDefault();
  if (link.dataset.busy) return;
  link.dataset.busy = "1";
  const answer = await send(link.dataset.post, { method: "POST" }).catch(() => ({ status: 0 }));
  delete link.dataset.busy;
  if (answer.status === 422) return showModal(answer.html, { opener: link });
  if (!answer.ok) fail(answer.status, answer.words);
});

document.addEventListener("htmx:afterSettle", ({ target }) => {
  const dialog = target.closest?.("dialog");
  if (!dialog) return;
  const title = $("[data-title]", dialog)?.dataset.title;
  const head = $("[data-drawer-title],[data-modal-title]", dialog);
  if (title && head) {
    head.textContent = title;
    say(title);
  }
  first($(".dialog-body", dialog))?.focus();
});
document.addEventListener("zk:close", () => {
  for (const dialog of $$("dialog[open]")) dialog.close();
});

// menus: one open at a time, closed by Escape, by a click elsewhere and by choosing
document.addEventListener("click", (e) => {
  for (const menu of $$("details[data-menu][open]")) {
    const chosen = e.target.closest?.(".menu-item,[data-menu-close]") && !e.target.closest("[data-theme-switch]");
    if (!menu.contains(e.target) || chosen) menu.open = false;
  }
});
on("keydown", "details[data-menu][open]", (e, menu) => {
  if (e.key === "Escape") {
    e.preventDefault();
    e.stopPropagation();
    menu.open = false;
    $("summary", menu).focus();
  }
  if (!["ArrowDown", "ArrowUp"].includes(e.key) || e.target.matches("input,select,textarea")) return;
  const items = $$(".menu-item", menu).filter((item) => item.offsetParent);
  if (!items.length) return;
  e.preventDefault();
  const at = items.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : -1);
  items.at(at < 0 ? (document.activeElement.matches("summary") && e.key === "ArrowDown" ? 0 : -1) : at % items.length).focus();
});
