"""Cards and lines as people paste them: what is read, field by field; and texts that mean harm."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.engine import cards

CARDS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cards.toml").read_text("utf-8"))["card"]


def said(card: dict[str, Any]) -> dict[str, str]:
    return {k: v for k, v in card.items() if k not in ("text", "rest")}


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c["text"].strip().splitlines()[0][:30])
def test_what_a_card_says(card: dict[str, Any]) -> None:
    found = cards.read(card["text"])
    assert found.values == said(card)
    for word in card.get("rest", []):
        assert any(word in line for line in found.rest), found.rest


def test_there_are_sixty_of_them_in_three_languages() -> None:
    assert len(CARDS) >= 60


@settings(max_examples=150)
@given(st.text(max_size=600))
def test_any_text_is_read_and_nothing_is_lost(text: str) -> None:
    found = cards.read(text)
    assert all(value.strip() for value in found.values.values())


@pytest.mark.parametrize(
    "text",
    ["1" * 10_000, "a@" * 5_000, "公司" * 5_000, "(" * 10_000, "1-" * 5_000, "张:" * 5_000, "a." * 5_000,
     "a a " * 2_500, "有限公司部经理" * 1_400, "\x00" * 10_000, "Co Ltd " * 1_400, "Ａ：" * 5_000],
)  # fmt: skip
def test_long_and_odd_texts_are_read_in_a_pass(text: str) -> None:
    """Twice as long takes no more than about twice as long: counted in steps of the pattern engine it stays linear."""
    from time import process_time

    def cost(size: int) -> float:
        begun = process_time()
        for _n in range(3):
            cards.read(text[:size])
        return process_time() - begun

    cost(1_000)
    assert cost(4_000) <= 8 * cost(1_000) + 0.05
