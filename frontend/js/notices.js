// What is new, said in the page that is open; which browser may be pushed to.
import { $, on, say, send } from "./dom.js";
import { fail, toast } from "./toast.js";

const MINUTE = 60_000;
const bell = $("[data-bell]");
const kept = "zk:notices-after";

function badge(unread) {
  let dot = $(".dotcount", bell);
  if (!unread) dot?.remove();
  else {
    if (!dot) bell.append((dot = Object.assign(document.createElement("span"), { className: "dotcount" })));
    dot.dataset.count = unread < 100 ? unread : "99+";
  }
  bell.setAttribute("aria-label", unread ? bell.dataset.bell.replace("{n}", unread) : bell.title);
}

async function look() {
  if (document.visibilityState !== "visible" || !navigator.onLine) return;
  const after = sessionStorage.getItem(kept) ?? "";
  const answer = await fetch(`/notices/new?after=${encodeURIComponent(after)}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const found = await answer.json();
  sessionStorage.setItem(kept, found.after);
  badge(found.unread);
  for (const item of found.items.reverse()) toast(item.meta ? `${item.text} · ${item.meta}` : item.text, { open_url: item.url, open_id: item.id });
}

const mark = (id) => fetch(`/notices/${id}/read`, { method: "POST", keepalive: true, headers: { "X-CSRFToken": document.body.dataset.csrf, "HX-Request": "true" } });

if (bell) {
  look();
  setInterval(look, MINUTE);
  on("click", "[data-notice]", (_, link) => mark(link.dataset.notice));
}

// ---- push

const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
const post = (url, body) => send(url, { method: "POST", body: JSON.stringify(body) });

async function subscription() {
  const worker = await navigator.serviceWorker.getRegistration("/push/");
  return worker?.pushManager.getSubscription();
}

async function subscribe(box) {
  if ((await Notification.requestPermission()) !== "granted") return fail(0, box.dataset.pushDenied);
  const worker = await navigator.serviceWorker.register("/push/worker.js", { scope: "/push/" });
  const fresh = worker.installing ?? worker.waiting;
  if (!worker.active && fresh) await new Promise((done) => fresh.addEventListener("statechange", () => fresh.state === "activated" && done()));
  const { html } = await send("/push/key");
  const options = { userVisibleOnly: true, applicationServerKey: JSON.parse(html).key };
  const made = await worker.pushManager.subscribe(options).catch(async () => {
    await (await worker.pushManager.getSubscription())?.unsubscribe(); // of another key
    return worker.pushManager.subscribe(options);
  });
  const answer = await post("/push/subscribe", made.toJSON());
  if (!answer.ok) return fail(answer.status, answer.words);
  say(box.dataset.pushOn);
  location.reload();
}

if (able && bell) {
  const box = $("[data-push]");
  if (box) $("[data-push-start]", box).hidden = false;
  on("click", "[data-push-start]", () => subscribe(box).catch(() => fail(0, box.dataset.pushDenied)));
  if (Notification.permission === "granted" && !sessionStorage.getItem("zk:push-seen")) {
    sessionStorage.setItem("zk:push-seen", "1");
    subscription().then(async (found) => {
      if (!found) return;
      const answer = await post("/push/seen", found.toJSON());
      if (answer.ok && !JSON.parse(answer.html).known) await found.unsubscribe();
    });
  }
}
