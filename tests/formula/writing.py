"""Random formulas that make sense, as text, and records with the values at which such things break."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from zhike.engine import guard, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.customers.models import Account
from zhike.modules.sales.models import Deal

DOCUMENT: dict[str, Any] = {
    "fields": {
        "account": {
            "x_score": {"kind": "decimal", "labels": {"en": "Score"}},
            "x_note": {"kind": "text", "labels": {"en": "Note"}},
            "x_half": {"kind": "money", "labels": {"en": "Half"}, "formula": "x_score / 2"},
        },
        "deal": {
            "x_n": {"kind": "decimal", "labels": {"en": "Number"}},
            "x_day": {"kind": "date", "labels": {"en": "Day"}},
            "x_at": {"kind": "datetime", "labels": {"en": "Moment"}},
            "x_ok": {"kind": "boolean", "labels": {"en": "All right"}},
            "x_home": {"kind": "link", "target": "account", "labels": {"en": "Home"}},
        },
    }
}
NUMBERS = ("amount", "probability", "account.prior_sales", "account.registered_capital", "account.employees",
           "x_n", "account.x_score", "x_home.prior_sales", "x_home.x_score", "account.x_half")  # fmt: skip
TEXTS = ("name", "next_step", "lost_note", "('' & forecast)", "account.name", "account.remark", "account.x_note")
DATES = ("expected_on", "closed_on", "tender_deadline_at", "account.founded_on", "x_day", "x_at")
MONEY = [Decimal(v) for v in ("0.00", "0.01", "0.05", "1.00", "2.50", "99.99", "100.00", "9999999999999999.99")]
SAID = (
    "", "宝钢", "宝钢股份有限公司", "Café", "straße", "İstanbul", "a'b\"c", "100%", "a\\b", "{0}", "  x ", "%s", "𠮷家",
)  # fmt: skip
DAYS = [dt.date(*d) for d in ((2024, 2, 29), (2025, 1, 31), (2026, 10, 1), (2026, 12, 31), (1, 1, 1), (1, 1, 2),
                              (9999, 12, 30), (9999, 12, 31), (2000, 2, 28), (2026, 2, 14))]  # fmt: skip
MOMENTS = [dt.datetime(2026, 3, 31, h, 59, 59, tzinfo=dt.UTC) for h in (0, 15, 16, 23)]
LITERALS = ("0", "1", "2.5", "0.005", "1.0000000005", "3%", "10万", "1.5亿", "999999999999999", "7", "12", "1500000")


def one_of(parts: Sequence[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(parts)


def call(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: pattern.format(*found))


def quoted(text: str) -> str:
    return f"“{text}”" if '"' in text else f'"{text}"'


def formulas(depth: int = 4) -> dict[str, st.SearchStrategy[str]]:
    """type -> texts of formulas of that type, nested up to `depth`."""
    ends: dict[str, st.SearchStrategy[str]] = {
        "number": one_of(NUMBERS) | one_of(LITERALS),
        "text": one_of(TEXTS) | one_of(SAID).map(quoted) | st.text("aß宝 %{}", max_size=4).map(quoted),
        "date": one_of(DATES) | one_of(("today()", 'date("2026-01-31")', 'date("9999-12-30")')),
        "boolean": one_of(
            ("true", "false", "isblank(amount)", "isblank(account)", "(account = null)", "product.is_active", "x_ok")
        ),
    }
    if not depth:
        return ends
    less = formulas(depth - 1)
    n, t, d, b = (less[k] for k in ("number", "text", "date", "boolean"))
    return {
        "number": ends["number"] | numbers(n, t, d, b),
        "text": ends["text"] | texts(n, t, d, b),
        "date": ends["date"] | dates(n, d, b),
        "boolean": ends["boolean"] | booleans(n, t, d, b),
    }


def numbers(n: Any, t: Any, d: Any, b: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        *(call(f"({{}} {sign} {{}})", n, n) for sign in "+-*/"),
        *(call(f"{name}({{}}, {{}})", n, n) for name in ("min", "max", "coalesce")),
        *(call(f"{name}({{}})", n) for name in ("abs", "floor", "ceil", "-", "round")),
        call("round({}, {})", n, st.sampled_from("0129")),
        call("if({}, {}, {})", b, n, n),
        call("case({}, {}, {}, null)", b, n, b),
        call("len({})", t),
        call("days({}, {})", d, d),
        call("({} - {})", d, d),
        call("workdays({}, {})", d, d),
        *(call(f"{name}({{}})", d) for name in ("year", "quarter", "month", "day")),
    )


def texts(n: Any, t: Any, d: Any, b: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        call("({} & {})", t, st.one_of(t, n, d)),
        call("coalesce({}, {})", t, t),
        call("join({}, {}, {}, {})", t, t, n, d),
        *(call(f"{name}({{}}, {{}})", t, st.sampled_from(("0", "1", "3", "1000"))) for name in ("left", "right")),
        *(call(f"{name}({{}})", t) for name in ("upper", "lower", "trim")),
        *(call("text({})", part) for part in (n, d)),
        call("if({}, {}, {})", b, t, t),
        call("if({}, {})", b, t),
    )


def dates(n: Any, d: Any, b: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        *(call(f"({{}} {sign} {{}})", d, n) for sign in "+-"),
        *(call(f"{name}({{}}, {{}})", d, n) for name in ("adddays", "addmonths")),
        *(call(f"{name}({{}}, {{}})", d, d) for name in ("min", "max", "coalesce")),
        call("if({}, {}, null)", b, d),
    )


def booleans(n: Any, t: Any, d: Any, b: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        *(call(f"({{}} {sign} {{}})", part, part) for sign in ("<", "<=", ">", ">=", "=", "<>") for part in (n, d)),
        *(call(f"({{}} {sign} {{}})", part, part) for sign in ("=", "<>") for part in (t, b)),
        *(call(f"({{}} {word} {{}})", b, b) for word in ("and", "or")),
        call("(not {})", b),
        call("contains({}, {})", t, t),
        call("startswith({}, {})", t, t),
        *(call("isblank({})", part) for part in (n, t, d)),
        *(call("oneof({}, {}, {})", part, part, part) for part in (n, t, d)),
    )


def deals(actor: Actor, dice: random.Random, size: int) -> None:
    """Customers and deals with odd values, blank ones among them."""
    made = records.create_many(actor, get("account"), [{"name": f"{said or 'x'}{n}"} for n, said in enumerate(SAID)])
    for account in made:
        guard.rows(Account, "odd values").filter(pk=account.pk).update(
            prior_sales=dice.choice([None, Decimal("0.0001"), Decimal("99999999999999.9999")]),
            registered_capital=dice.choice([None, *MONEY]),
            employees=dice.choice([None, 0, 3, 2**31 - 1]),
            founded_on=dice.choice([None, *DAYS]),
            last_contact_at=dice.choice([None, *MOMENTS]),
            remark=dice.choice(SAID),
            tier=dice.choice(["", "A", "S"]),
            custom=custom(
                "account", x_score=dice.choice([None, Decimal("-0.0005"), Decimal(7)]), x_note=dice.choice(SAID)
            ),
        )
    found = records.create_many(actor, get("deal"), [{"name": f"d{n}"} for n in range(size)])
    for n, deal in enumerate(found):
        guard.rows(Deal, "odd values").filter(pk=deal.pk).update(
            name=dice.choice(SAID) or "n",
            account=dice.choice([None, *made]) if n else made[0],
            amount=dice.choice([None, *MONEY]),
            probability=dice.choice([None, Decimal("0.00"), Decimal("33.33"), Decimal(100)]),
            expected_on=dice.choice([None, *DAYS]),
            closed_on=dice.choice([None, *DAYS]),
            tender_deadline_at=dice.choice([None, *MOMENTS]),
            next_step=dice.choice(SAID),
            lost_note=dice.choice(SAID),
            forecast=dice.choice(["commit", "best", "omit"]),
            custom=custom(
                "deal",
                x_n=dice.choice([None, Decimal("2.5"), Decimal("99999999999999.9999")]),
                x_day=dice.choice([None, *DAYS]),
                x_at=dice.choice([None, *MOMENTS]),
                x_ok=dice.choice([True, False]),
                x_home=dice.choice([None, *(one.pk for one in made)]),
            ),
        )


def custom(entity: str, **values: Any) -> dict[str, Any]:
    """Values of custom fields as they are kept."""
    known = get(entity).attributes
    packed = {key: known[key].kind.pack(value) for key, value in values.items()}
    return {key: value for key, value in packed.items() if value is not None}
