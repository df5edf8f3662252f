import { $, on } from "./dom.js";
import { fail } from "./toast.js";

const over = (zone, yes) => (yes ? (zone.dataset.over = "") : delete zone.dataset.over);

on("dragover", "[data-dropzone]", (e, zone) => {
  e.preventDefault();
  over(zone, true);
});
on("dragleave", "[data-dropzone]", (e, zone) => zone.contains(e.relatedTarget) || over(zone, false));
on("drop", "[data-dropzone]", (e, zone) => {
  e.preventDefault();
  over(zone, false);
  const input = $("input[type=file]", zone);
  if (!e.dataTransfer.files.length) return;
  input.files = e.dataTransfer.files;
  upload(zone);
});
on("change", "[data-dropzone] input[type=file]", (_, input) => input.files.length && upload(input.closest("[data-dropzone]")));
addEventListener("paste", (e) => {
  const zone = $("[data-dropzone]");
  if (!zone || !e.clipboardData || e.target.closest?.("input, textarea, [contenteditable]")) return;
  const files = pasted(e.clipboardData);
  if (!files.length) return;
  $("input[type=file]", zone).files = files;
  upload(zone);
});

// Cells of a spreadsheet come as text with tabs, and beside it as a picture of themselves.
function pasted(clipboard) {
  const text = clipboard.getData("text/plain");
  if (!/\t|\n./.test(text.trim())) return clipboard.files;
  const made = new DataTransfer();
  made.items.add(new File([text], "Excel.txt", { type: "text/plain" }));
  return made.files;
}

// XMLHttpRequest, because fetch does not tell how much has been sent.
function upload(zone) {
  const form = zone.closest("form");
  const bar = $("[data-dropzone-bar]", zone);
  const files = [...$("input[type=file]", zone).files];
  $("[data-dropzone-name]", zone).textContent = files.map((file) => file.name).join(", ");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
  request.setRequestHeader("HX-Request", "true");
  bar.hidden = false;
  request.upload.addEventListener("progress", (e) => e.lengthComputable && (bar.value = (100 * e.loaded) / e.total));
  request.addEventListener("load", () => {
    const go = request.getResponseHeader("HX-Redirect");
    if (go) return location.assign(go);
    bar.hidden = true;
    if (request.status === 422 || request.status === 413 || request.status === 415) $("[data-dropzone-error]", zone).innerHTML = request.responseText;
    else if (request.status >= 400) fail(request.status);
    else location.assign(request.responseURL);
  });
  request.addEventListener("error", () => {
    bar.hidden = true;
    fail(0);
  });
  request.send(new FormData(form));
}
