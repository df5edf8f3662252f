import { $, fill, fire, on, send, text } from "./dom.js";
import { fail, toast } from "./toast.js";
import { showModal } from "./dialog.js";

/** POSTs a move and follows the answer: done, needs fields (shown by `ask`), changed by somebody else. */
export async function postMove(url, body, { ask, done, conflict, failed }) {
  const answer = await send(url, { method: "POST", body }).catch(() => ({ status: 0 }));
  if (answer.status === 422) return ask(answer.html);
  if (answer.status === 409) return conflict(answer.html);
  if (!answer.ok) {
    fail(answer.status, answer.words);
    return failed?.();
  }
  return done(answer.html);
}

const asked = new WeakMap();

/** Shows the form that a stage asks for; `again` gets the filled form, `cancel` runs when it is given up. */
export function askFor(html, { title, opener, again, cancel }) {
  showModal(html, { title, opener });
  const form = $("#modal-body [data-move-form]");
  if (!form) return;
  asked.set(form, { again, cancel });
  $("#modal").addEventListener("close", () => asked.get(form) && (asked.delete(form), cancel?.()), { once: true });
}

on("submit", "[data-move-form]", (e, form) => {
  e.preventDefault();
  const { again } = asked.get(form) ?? {};
  asked.delete(form);
  const body = new FormData(form);
  $("#modal").close();
  again?.(body);
});
on("click", "[data-move-cancel]", () => $("#modal").close());

/** A stage of the path on a record's page was pressed. */
export function moveFromPath(button, body = null) {
  const path = button.closest("[data-path]");
  const first = body ?? new FormData();
  if (!body) {
    first.append("stage", button.dataset.stage);
    first.append("version", path.dataset.version);
  }
  button.dataset.busy = "1";
  const rest = () => delete button.dataset.busy;
  return postMove(path.dataset.moveUrl, first, {
    ask: (html) => {
      rest();
      askFor(html, {
        title: fill(path.dataset.textNeeds, { stage: button.textContent.trim() }),
        opener: button,
        again: (filled) => moveFromPath(button, filled),
      });
    },
    conflict: () => {
      rest();
      toast(text("Conflict"), { tone: "bad" });
      fire(document.body, "zk:refresh");
    },
    failed: rest,
    done: () => {
      rest();
      fire(document.body, "zk:refresh");
    },
  });
}
