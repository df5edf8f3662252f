"""Make the tables of zhike/base/data: regions.tsv, industries.tsv and fold.tsv.

Run by hand when a standard changes, never in a build: `python scripts/reference_data.py SOURCE`, where
SOURCE holds gb2260_modood/{provinces,cities,areas}.csv and gbt4754/gbt4754_flat.csv. It needs the
package opencc (for traditional names) beside Zhike's own requirements. Corrections by hand live in
scripts/reference_fixes.toml. See zhike/base/data/README.md for where the facts come from.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import opencc

from zhike.base.pinyin import company

ROOT = Path(__file__).resolve().parent
DATA = ROOT.parent / "zhike" / "base" / "data"
FIXES = tomllib.loads((ROOT / "reference_fixes.toml").read_text("utf-8"))
TO_TAIWAN = opencc.OpenCC("s2tw").convert
TO_TAIWAN_TERMS = opencc.OpenCC("s2twp").convert
GROUPS = FIXES["ethnic_groups"]
GROUP = re.compile("|".join(sorted(GROUPS, key=len, reverse=True)))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def romanise(name: str, length: int) -> str:
    """Write the first characters of a name in pinyin, one capital, with the apostrophe of Xi'an."""
    text = ""
    for word in re.findall(r"~([a-z]+)\d", company(name).sort_key)[:length]:
        text += ("'" if text and word[0] in "aeo" else "") + word
    return text.replace("lv", "lu").replace("nv", "nu").capitalize()


def english(code: str, name: str) -> str:
    """Name a region in English: proper name or pinyin, and what it is."""
    if code in FIXES["english"]:
        return str(FIXES["english"][code])
    for suffix, kind in FIXES["english_suffixes"].items():
        if not name.endswith(suffix) or len(name) == len(suffix):
            continue
        stem = name.removesuffix(suffix)
        groups = GROUP.findall(stem) if suffix.startswith("自治") else []
        stem = GROUP.sub("", stem) if groups else stem
        if not stem:
            continue
        words = [romanise(name, len(stem)), *(GROUPS[group] for group in groups), kind]
        return " ".join(word for word in words if word)
    return romanise(name, len(name))


def regions(source: Path) -> list[str]:
    names: dict[str, str] = {}
    for file, digits in (("provinces.csv", 2), ("cities.csv", 4), ("areas.csv", 6)):
        for row in rows(source / file):
            if row["name"] not in FIXES["placeholders"] and len(row["code"]) == digits:
                names.setdefault(row["code"].ljust(6, "0"), row["name"])
    names.update(FIXES["regions"])
    lines = []
    for code, name in sorted(names.items()):
        hant = FIXES["traditional"].get(code) or TO_TAIWAN(name)
        row = [code, name, "" if hant == name else hant, english(code, name)]
        lines.append("\t".join(row + FIXES["validity"].get(code, [])))
    return lines


def taiwan_terms(name: str) -> str:
    hant = TO_TAIWAN_TERMS(name)
    for word in FIXES["industry_words"]:
        if word.get("if", "") in name:
            hant = hant.replace(word["old"], word["new"])
    return hant


def industries(source: Path) -> list[str]:
    lines = []
    for row in rows(source / "gbt4754_flat.csv"):
        code = row["code"]
        name = FIXES["industries"].get(code, row["name"].strip())
        hant = taiwan_terms(name)
        text = [code, name, "" if hant == name else hant, FIXES["industries_english"].get(code, "")]
        lines.append("\t".join(text).rstrip("\t"))
    return lines


def folding() -> list[str]:
    """Map every traditional or variant character to its simplified form, one to one."""
    simplify = opencc.OpenCC("t2s").convert
    variants = [opencc.OpenCC(name).convert for name in ("hk2t", "tw2t")]
    characters = [chr(c) for c in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    table = {c: simplify(c) for c in characters}
    targets = {new for old, new in table.items() if new != old}
    for char in characters:
        if table[char] == char and char not in targets:
            forms = (simplify(variant(char)) for variant in variants)
            table[char] = next((form for form in forms if form != char), char)
    table.update(FIXES["folding"])
    inverse: dict[str, str] = defaultdict(str)
    for old, once in table.items():
        new = table.get(once, once)
        if new != old and len(new) == 1 and ord(new) < 0x10000:
            inverse[new] += old
    return [f"{new}\t{olds}" for new, olds in sorted(inverse.items())]


def main(source: Path) -> None:
    tables = {
        "fold.tsv": folding(),
        "regions.tsv": regions(source / "gb2260_modood"),
        "industries.tsv": industries(source / "gbt4754"),
    }
    for name, lines in tables.items():
        (DATA / name).write_text("".join(line + "\n" for line in lines), "utf-8")
        print(f"{name}: {len(lines)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
