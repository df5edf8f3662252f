// A block of cells as the clipboard of spreadsheets has it: tab-separated text, and an HTML table.
const quoted = (cell) => (/[\t\n"]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const escaped = (cell) => cell.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\n", "<br>");

export function writeBlock(block) {
  const text = block.map((line) => line.map(quoted).join("\t")).join("\n");
  const html = `<table>${block.map((line) => `<tr>${line.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`).join("")}</table>`;
  return { text, html };
}

/** The lines of a clipboard; the table of the HTML where it has one, because it knows where cells end. */
export function readBlock(clipboard) {
  const html = clipboard.getData("text/html");
  const table = html.includes("<t") ? new DOMParser().parseFromString(html, "text/html").querySelector("table") : null;
  if (table) {
    for (const br of table.querySelectorAll("br")) br.replaceWith("\n");
    return [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
  }
  return readText(clipboard.getData("text/plain"));
}

export function readText(text) {
  const lines = [[]];
  let cell = "";
  let inside = false;
  const body = text.replaceAll("\r\n", "\n").replace(/\n$/, "");
  for (let i = 0; i < body.length; i++) {
    const c = body[i];
    if (inside) {
      if (c === '"' && body[i + 1] === '"') cell += body[++i];
      else if (c === '"') inside = false;
      else cell += c;
    } else if (c === '"' && cell === "") inside = true;
    else if (c === "\t" || c === "\n") {
      lines.at(-1).push(cell.trim());
      cell = "";
      if (c === "\n") lines.push([]);
    } else cell += c;
  }
  lines.at(-1).push(cell.trim());
  return body ? lines : [];
}
