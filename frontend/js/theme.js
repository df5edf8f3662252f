import { $$, cookie, on } from "./dom.js";

on("click", "[data-theme-switch] button", (_, button) => {
  const value = button.value;
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  cookie("zk_theme", value);
  for (const other of $$("[data-theme-switch] button")) other.setAttribute("aria-pressed", String(other.value === value));
  document.dispatchEvent(new CustomEvent("zk:theme"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("zk:theme")));
