// Builds zhike/web/static/build: app.css, icons.svg, app.js and the parts that it loads where they are used.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(here, "..", "zhike", "web", "static", "build");
const watch = process.argv.includes("--watch");

function sprite() {
  const names = JSON.parse(readFileSync(join(here, "icons.json"), "utf8"));
  const symbols = names.map((name) => {
    const svg = readFileSync(join(here, "node_modules/lucide-static/icons", `${name}.svg`), "utf8");
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${inner.replace(/\s+/g, " ").trim()}</symbol>`;
  });
  const own = readFileSync(join(here, "marks.svg"), "utf8").match(/<symbol[\s\S]*<\/symbol>/)[0];
  writeFileSync(
    join(out, "icons.svg"),
    `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}${own.replace(/\s+/g, " ")}</svg>`,
  );
}

function styles() {
  const entry = createRequire(import.meta.url).resolve("@tailwindcss/cli/package.json");
  const cli = join(dirname(entry), "dist", "index.mjs");
  const args = [cli, "-i", join(here, "css/app.css"), "-o", join(out, "app.css")];
  args.push(watch ? "--watch=always" : "--minify");
  const child = spawn(process.execPath, args, { stdio: "inherit", cwd: here });
  return watch
    ? child
    : new Promise((done, fail) =>
        child.on("exit", (code) => (code ? fail(new Error(`tailwindcss: exit ${code}`)) : done())),
      );
}

if (!watch) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
sprite();
const options = {
  entryPoints: ["app", "arrange", "board", "calendar", "chart", "grid", "list", "passkey", "push-worker"].map((name) => join(here, "js", `${name}.js`)),
  outdir: out,
  bundle: true,
  minify: !watch,
  format: "esm",
  target: ["es2022", "safari16"],
  legalComments: "none",
  logLevel: "warning",
};
if (watch) {
  await (await esbuild.context(options)).watch();
  styles();
} else {
  await Promise.all([esbuild.build(options), styles()]);
}
