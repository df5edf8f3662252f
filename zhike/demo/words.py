"""The words of the demo firm, by language."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from zhike.base import pinyin, regions

from .dice import Dice

Words = dict[str, Any]


@cache
def words(lang: str) -> Words:
    """Names, products and texts: English for en, Chinese for everything else."""
    name = "en" if lang == "en" else "zh"
    return tomllib.loads((Path(__file__).parent / "data" / f"{name}.toml").read_text("utf-8"))


def is_chinese(found: Words) -> bool:
    """Whether names are written in Chinese."""
    return bool(found["people"]["order"] == "last-first")


def city(code: str, found: Words) -> str:
    """The town as it stands in the name of a firm: 昆山, 苏州, 上海, Kunshan."""
    lang = "zh-hans" if is_chinese(found) else "en"
    for at in (code, regions.parent(code) or code, f"{code[:2]}0000"):
        name = regions.name(at, lang)
        if lang == "en" and "District" not in name and "Area" not in name:
            return name
        if lang != "en" and name.endswith("市"):
            return name.removesuffix("市")
    return name


def person_name(dice: Dice, found: Words) -> tuple[str, str, str]:
    """(full name, surname, gender) of somebody who does not exist."""
    people = found["people"]
    gender = dice.choice(("male", "male", "female"))
    surname = dice.choice(people["doubles"]) if dice.chance(0.015) else dice.choice(people["surnames"])
    given = dice.choice(people[gender])
    full = surname + given if is_chinese(found) else f"{given} {surname}"
    return full, surname, gender


def latin(name: str) -> str:
    """Letters for an address: wangwei, emilylambert."""
    return "".join(c for c in pinyin.person(name).full.lower() if c.isascii() and c.isalnum()) or "nobody"
