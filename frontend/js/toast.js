import { $, $$, fire, on, parse, say, send, text, messageFor } from "./dom.js";

const seconds = { good: 10, bad: 20 };

function place() {
  const box = $("#toasts");
  const home = $$("dialog[open]").at(-1) ?? document.body;
  if (box.parentElement !== home) home.append(box);
  if (box.matches(":popover-open")) box.hidePopover();
  if (box.childElementCount) box.showPopover();
}

/** Says something at the bottom of the page; stays while it has the pointer or the focus. */
export function toast(sentence, { tone = "good", undo_url = "", undo_label = "", open_url = "", open_id = "" } = {}) {
  const node = parse($("#toast-template").innerHTML).firstElementChild;
  if (open_url.startsWith("/") && !open_url.startsWith("//")) {
    const link = Object.assign(document.createElement("a"), { href: open_url, textContent: sentence });
    if (open_id) link.dataset.notice = open_id;
    $(".toast-text", node).replaceChildren(link);
  } else $(".toast-text", node).textContent = sentence;
  const undo = $("[data-undo-url]", node);
  if (undo_url) {
    undo.dataset.undoUrl = undo_url;
    if (undo_label) undo.textContent = undo_label;
  } else undo.remove();
  node.classList.toggle("toast-bad", tone === "bad");
  node.setAttribute("role", tone === "bad" ? "alert" : "status");
  const shown = $$("#toasts [data-toast]");
  if (shown.length > 2) shown[0].remove();
  $("#toasts").append(node);
  place();
  live(node, tone);
  say(sentence);
}

function live(node, tone) {
  let timer;
  const start = () => (timer = setTimeout(() => close(node), 1000 * (seconds[tone] ?? 10)));
  const stop = () => clearTimeout(timer);
  node.addEventListener("pointerenter", stop);
  node.addEventListener("pointerleave", start);
  node.addEventListener("focusin", stop);
  node.addEventListener("focusout", start);
  start();
}

function close(node) {
  node.remove();
  place();
}

/** Says that something failed: in the words of the server where it gave some. */
export const fail = (status = 500, words = "") => toast(words || messageFor(status), { tone: "bad" });

on("click", "[data-toast-close]", (_, button) => close(button.closest("[data-toast]")));
on("click", "[data-undo-url]", async (_, button) => {
  button.disabled = true;
  const answer = await send(button.dataset.undoUrl, { method: "POST" }).catch(() => ({ status: 0 }));
  close(button.closest("[data-toast]"));
  if (!answer.ok) return fail(answer.status, answer.words);
  if (!answer.told) toast(text("Undone"));
  fire(document.body, "zk:refresh");
});
document.addEventListener("zk:toast", ({ detail }) => toast(detail.text ?? detail.value, detail));

for (const node of $$("#toasts [data-toast]")) live(node, node.classList.contains("toast-bad") ? "bad" : "good");
place();
