// Fails when a built file is over its weight (gzip -9, in bytes).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const out = join(dirname(fileURLToPath(import.meta.url)), "../../zhike/web/static/build");
const limits = { "app.js": 60_000, "arrange.js": 20_000, "app.css": 40_000, "board.js": 25_000, "chart.js": 190_000, "passkey.js": 2_000, "icons.svg": 20_000 };
let bad = 0;
for (const [name, limit] of Object.entries(limits)) {
  const size = gzipSync(readFileSync(join(out, name)), { level: 9 }).length;
  const over = size > limit;
  bad += over;
  console.log(`${over ? "OVER" : "ok  "} ${name} ${size} of ${limit}`);
}
process.exit(bad ? 1 : 0);
