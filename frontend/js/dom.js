// Small helpers shared by the behaviours.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const text = (name) => document.body.dataset[`text${name}`] ?? "";
export const fill = (template, values) =>
  (template ?? "").replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);

/** Delegated listener: works for everything that htmx puts into the page later. */
export function on(event, selector, handler, options) {
  document.addEventListener(
    event,
    (e) => {
      const found = e.target instanceof Element ? e.target.closest(selector) : null;
      if (found) handler(e, found);
    },
    options,
  );
}

/** Parses server HTML (rendered with autoescape) into nodes. */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/** fetch of a fragment: same headers as htmx, the answer as {status, html, ok}; throws only when there is no network. */
export async function send(url, { method = "GET", body = null, signal = null, target = "" } = {}) {
  const headers = { "HX-Request": "true", "HX-Current-URL": location.href };
  if (target) headers["HX-Target"] = target;
  if (method !== "GET") headers["X-CSRFToken"] = document.body.dataset.csrf;
  const answer = await fetch(url, { method, body, signal, headers, credentials: "same-origin" });
  const html = await answer.text();
  const triggers = answer.headers.get("HX-Trigger");
  runTriggers(triggers);
  const go = answer.headers.get("HX-Redirect");
  if (go) location.assign(go);
  const plain = answer.headers.get("Content-Type")?.startsWith("text/plain") && html.length < 300;
  const signedOut = answer.status === 401 || (answer.redirected && /^\s*<!doctype/i.test(html));
  return { status: signedOut ? 401 : answer.status, ok: answer.ok && !signedOut, html, words: plain && !answer.ok ? html : "", version: answer.headers.get("X-Version"), undo: answer.headers.get("X-Undo"), told: !!triggers?.includes("zk:toast") };
}

function runTriggers(header) {
  if (!header) return;
  if (!header.startsWith("{")) return fire(document.body, header);
  for (const [name, detail] of Object.entries(JSON.parse(header))) fire(document.body, name, detail);
}

export function fire(element, name, detail = {}) {
  return element.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true, detail }));
}

/** One sentence for screen readers. */
export function say(sentence) {
  const live = $("#live");
  live.textContent = "";
  setTimeout(() => (live.textContent = sentence), 30);
}

export function cookie(name, value) {
  document.cookie = `${name}=${value};path=/;max-age=31536000;SameSite=Lax`;
}

export const typing = (element) =>
  element instanceof Element && !!element.closest("input:not([type=checkbox]):not([type=radio]),textarea,select,[contenteditable]");

export const messageFor = (status) =>
  ({ 401: text("Signin"), 403: text("Forbidden"), 404: text("Gone"), 409: text("Conflict"), 0: text("Offline") })[status] ??
  text("Failed");
