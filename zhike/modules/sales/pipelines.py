"""The pipeline that deals go through unless the firm makes its own."""

from __future__ import annotations

from typing import Any

from zhike.engine.defaults import Step, ensure_pipeline

STEPS = (
    Step(
        key="contact",
        labels={"zh-hans": "初步接洽", "zh-hant": "初步接洽", "en": "First contact"},
        win=10,
        days=14,
        tone="blue",
    ),
    Step(
        key="need",
        labels={"zh-hans": "需求确认", "zh-hant": "需求確認", "en": "Needs confirmed"},
        win=30,
        days=21,
        required=("account",),
        tone="teal",
    ),
    Step(
        key="proposal",
        labels={"zh-hans": "方案报价", "zh-hant": "方案報價", "en": "Proposal and quote"},
        win=50,
        days=30,
        required=("amount",),
        tone="violet",
    ),
    Step(
        key="negotiation",
        labels={"zh-hans": "商务谈判", "zh-hant": "商務談判", "en": "Negotiation"},
        win=80,
        days=30,
        required=("expected_on",),
        tone="amber",
    ),
    Step(
        key="won",
        labels={"zh-hans": "赢单", "zh-hant": "贏單", "en": "Won"},
        status="won",
        win=100,
        required=("amount",),
        tone="green",
    ),
    Step(
        key="lost",
        labels={"zh-hans": "输单", "zh-hant": "輸單", "en": "Lost"},
        status="lost",
        required=("lost_reason",),
        tone="red",
    ),
)


def ensure(apps: Any) -> None:
    """Make the default pipeline of deals unless it is there."""
    labels = {"zh-hans": "企业销售", "zh-hant": "企業銷售", "en": "Business sales"}
    ensure_pipeline(apps, "deal", "b2b", labels, STEPS, default=True)
