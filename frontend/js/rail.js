import { $, cookie, on } from "./dom.js";

on("click", "[data-rail-fold]", (_, button) => {
  const frame = $("[data-frame]");
  const folded = frame.dataset.rail !== "min";
  frame.dataset.rail = folded ? "min" : "full";
  button.setAttribute("aria-expanded", String(!folded));
  cookie("zk_rail", frame.dataset.rail);
});

const bar = $("[data-offline]");
const show = () => bar && (bar.hidden = navigator.onLine);
addEventListener("online", show);
addEventListener("offline", show);
show();

on("click", "[data-print]", () => print());
addEventListener("beforeprint", () => {
  const time = $("[data-print-time]");
  if (time) time.textContent = new Date().toLocaleString(document.documentElement.lang);
});
