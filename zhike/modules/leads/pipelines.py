"""The pipeline that leads go through unless the firm makes its own."""

from __future__ import annotations

from typing import Any

from zhike.engine.defaults import Step, ensure_pipeline

STEPS = (
    Step(key="new", labels={"zh-hans": "未跟进", "zh-hant": "未跟進", "en": "New"}, win=10, days=1, tone="blue"),
    Step(
        key="contacted",
        labels={"zh-hans": "跟进中", "zh-hant": "跟進中", "en": "Contacted"},
        win=20,
        days=14,
        tone="teal",
    ),
    Step(
        key="qualified",
        labels={"zh-hans": "已确认", "zh-hant": "已確認", "en": "Qualified"},
        win=50,
        days=14,
        tone="violet",
    ),
    Step(
        key="converted",
        labels={"zh-hans": "已转化", "zh-hant": "已轉換", "en": "Converted"},
        status="won",
        win=100,
        tone="green",
    ),
    Step(
        key="invalid",
        labels={"zh-hans": "无效", "zh-hant": "無效", "en": "Invalid"},
        status="lost",
        required=("lost_reason",),
        tone="neutral",
    ),
)


def ensure(apps: Any) -> None:
    """Make the default pipeline of leads unless it is there."""
    labels = {"zh-hans": "线索跟进", "zh-hant": "線索跟進", "en": "Lead follow-up"}
    ensure_pipeline(apps, "lead", "lead", labels, STEPS, default=True)
