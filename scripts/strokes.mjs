// Makes zhike/base/data/strokes.tsv: how many strokes a character has, as the Unicode CLDR orders by strokes.
// Run with the Node of the development environment: .venv/bin/node scripts/strokes.mjs > zhike/base/data/strokes.tsv
// The collation "stroke" marks where each number begins with U+FDD0 and a sign counted from U+2800 on, up to MOST;
// what it does not know comes behind all others, and is left out.
const MOST = 33;
const KNOWN = 0x9fa5; // the last character that every edition of the table has
const order = new Intl.Collator("zh-u-co-stroke");
if (order.resolvedOptions().collation !== "stroke") throw new Error("this Node does not know the order by strokes");
const begins = Array.from({ length: MOST }, (_none, n) => "\uFDD0" + String.fromCodePoint(0x2801 + n));
const found = Array.from({ length: MOST + 1 }, () => []);
for (const [first, end] of [[0x3400, 0x4dbf], [0x4e00, 0x9fff]])
  for (let code = first; code <= end; code++) {
    const char = String.fromCodePoint(code);
    const next = begins.findIndex((sign) => order.compare(sign, char) > 0);
    if (next > 0) found[next].push(char);
    else if (next < 0 && code >= 0x4e00 && code <= KNOWN) found[MOST].push(char);
  }
for (const [n, chars] of found.entries()) if (chars.length) console.log(`${n}\t${chars.join("")}`);
