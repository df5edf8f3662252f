"""The rows of the large firm, as SQL: every value is drawn from the number of its row, so each run makes the same.

`d` is the row that is made: its number n, and draws a, b, c, e, t between 0 and 1. Names are put together from two
halves that the product's own functions have read; times and ids follow from the number, so that a row can point to
another one without looking it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Model

from zhike.engine.models import Stage
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact
from zhike.modules.sales.models import Deal

from .load_words import CUSTOM

SPAN = 3 * 365 * 86_400_000  # the firm is three years old, in milliseconds
SKEW = 1.6  # some people have many customers, most have few
STEP = 1_000_003  # walks through all names without coming back


@dataclass(frozen=True)
class Size:
    """How many rows of each, the moment at which the firm stands (ms), and how many names and people there are."""

    accounts: int
    contacts: int
    deals: int
    activities: int
    now: int
    seats: int
    heads: int
    tails: int
    persons: int
    texts: int
    projects: int


@dataclass(frozen=True)
class Rows:
    """Rows of one table: its columns in SQL over `source`, and how many."""

    model: type[Model]
    values: Mapping[str, str]
    source: str
    count: int


def draw(n: str, salt: int) -> str:
    """A number from 0 up to 1, always the same for the same row."""
    return f"((hashint8extended({n}, {salt}) & 1048575) / 1048576.0::float8)"


def drawn() -> str:
    """The row that is made, from number %(low)s to %(high)s."""
    draws = ", ".join(f"{draw('n', salt)} AS {name}" for salt, name in enumerate("abcet", 1))
    return f"(SELECT n, {draws} FROM generate_series(%(low)s::bigint, %(high)s::bigint) n) d"  # noqa: S608


class Maker:
    """The tables of one firm in the order in which they are filled."""

    def __init__(self, size: Size) -> None:
        self.size = size

    def rows(self) -> Sequence[Rows]:
        """Customers, contacts, deals and activities."""
        made = (self._accounts, self._contacts, self._deals, self._activities)
        return [one for make in made if (one := make()).count]

    # ---- what every row has

    def _ms(self, n: str, count: int) -> str:
        return f"({self.size.now - SPAN} + {SPAN / count} * ({n}))::bigint"

    def _id(self, n: str, count: int, kind: int) -> str:
        head = f"lpad(to_hex({self._ms(n, count)}), 12, '0') || '7' || lpad(to_hex(({n}) & 4095), 3, '0')"
        return f"({head} || '8{kind}' || lpad(to_hex({n}), 14, '0'))::uuid"

    def _times(self, count: int) -> dict[str, str]:
        made = self._ms("d.n", count)
        touched = f"to_timestamp(({self.size.now} - ({self.size.now} - {made}) * d.t ^ 2) / 1000)"
        return {"created_at": f"to_timestamp({made} / 1000.0)", "updated_at": touched}

    def _seat(self, account: str) -> str:
        return f"floor({draw(account, 7)} ^ {SKEW} * {self.size.seats})::int"

    def _held(self) -> dict[str, str]:
        return {"owner_id": "s.owner", "department_id": "s.department", "ancestors": "s.ancestors"}

    def _head(self, account: str, tails: int) -> tuple[str, str]:
        """The numbers of both halves of the name of a customer."""
        place = f"mod(({account}) * {STEP}, {self.size.heads * tails})"
        return f"{place} / {tails}", f"mod({place}, {tails})"

    def _of(self, share: str) -> str:
        """The customer that a row belongs to; `share` says which part of all of them."""
        return f"(1 + floor(({share}) * {self.size.accounts}))::bigint"

    # ---- tables

    def _accounts(self) -> Rows:
        size, number = self.size, "'C' || lpad(d.n::text, 8, '0')"
        head, tail = self._head("d.n", size.tails)
        values = {
            "id": self._id("d.n", size.accounts, 1), **self._times(size.accounts), **self._held(),
            **_named("h", "t", [(f"lower({number})", 9), (PHONE, 11)]), "number": number, "name_key": "h.name || t.key",
            "status": _picked("potential potential potential intent intent customer repeat silent silent lost", "d.a"),
            "tier": _picked("S A A B B B B C C C", "d.b"), "source": _picked("exhibition search referral phone", "d.c"),
            "region": _picked("310114 320583 330212 440306 370203 420106", "d.a * d.b"), "phone": f"'+86' || {PHONE}",
            "industry": _picked("C34 C35 C36 C38 I65 F51 G54", "d.e"),
            "last_contact_at": f"CASE WHEN d.b > 0.3 THEN to_timestamp({size.now} / 1000 - d.c ^ 2 * 31536000) END",
            "next_follow_up_on": "CASE WHEN d.b < 0.1 THEN current_date + (d.a * 60 - 30)::int END",
            "prior_sales": "CASE WHEN d.e < 0.2 THEN floor(d.b * 900000) END", "custom": _custom(),
        }  # fmt: skip
        source = (
            f"{drawn()} JOIN bench_seat s ON s.n = {self._seat('d.n')} JOIN bench_head h ON h.n = {head}"
            f" JOIN bench_tail t ON t.n = {tail}"
        )
        return Rows(Account, values, source, size.accounts)

    def _contacts(self) -> Rows:
        """A tenth of them belong to somebody else than the customer does."""
        size = self.size
        account = f"(1 + (d.n - 1) * {size.accounts} / {size.contacts or 1})"
        owner = f"CASE WHEN d.e < 0.1 THEN mod(d.n * 7919, {size.accounts}) ELSE {account} END"
        number = "'154' || lpad(mod(d.n * 3, 100000000)::text, 8, '0')"
        values = {
            "id": self._id("d.n", size.contacts or 1, 2), **self._times(size.contacts or 1), **self._held(),
            "name": "p.name", "pinyin": "p.pinyin", "search_text": f"p.text || {number} || E'\\n'",
            "search_grams": f"p.whole || {_digits(number, 11)}", "account_id": self._id(account, size.accounts, 1),
            "position": _picked("总经理 采购经理 工程师 财务 厂长", "d.c"), "phone": f"'+86' || {number}",
            "role": _picked("decider user buyer", "d.b"), "last_contact_at": "NULL",
        }  # fmt: skip
        source = (
            f"{drawn()} JOIN bench_person p ON p.n = floor(d.a * {size.persons})::int"
            f" JOIN bench_seat s ON s.n = {self._seat(owner)}"
        )
        return Rows(Contact, values, source, size.contacts)

    def _deals(self) -> Rows:
        size = self.size
        account = self._of("d.e ^ 1.5")
        head, _tail = self._head(account, size.tails)
        stages = list(Stage.objects.filter(pipeline__entity="deal").order_by("order"))
        shares = [s for s in stages for _n in range(3 if s.status == "open" else 4 if s.status == "won" else 2)]
        closed = f"to_timestamp({size.now} / 1000 - d.b * 60000000)"
        status, is_open = _picked(" ".join(s.status for s in shares), "d.c"), "({}) = 'open'"
        number = "'D' || lpad(d.n::text, 8, '0')"
        values = {
            "id": self._id("d.n", size.deals or 1, 3), **self._times(size.deals or 1), **self._held(),
            **_named("h", "t", [(f"lower({number})", 9)]), "number": number,
            "account_id": self._id(account, size.accounts, 1), "amount": "round((d.a ^ 3 * 2000000)::numeric, 2)",
            "pipeline_id": f"'{stages[0].pipeline_id}'::uuid",
            "stage_id": _picked(" ".join(str(s.pk) for s in shares), "d.c") + "::uuid", "status": status,
            "stage_at": f"CASE WHEN {is_open.format(status)} THEN to_timestamp({size.now} / 1000 - d.t * 8000000)"
            f" ELSE {closed} END", "probability": "10 + floor(d.c * 9) * 10",
            "expected_on": "current_date + (d.a * 240 - 60)::int",
            "closed_at": f"CASE WHEN {is_open.format(status)} THEN NULL ELSE {closed} END",
            "closed_on": f"CASE WHEN {is_open.format(status)} THEN NULL ELSE ({closed})::date END",
            "source": _picked("exhibition search referral phone", "d.b"),
        }  # fmt: skip
        source = (
            f"{drawn()} JOIN bench_seat s ON s.n = {self._seat(account)} JOIN bench_head h ON h.n = {head}"
            f" JOIN bench_project t ON t.n = floor(d.b * {size.projects})::int"
        )
        return Rows(Deal, values, source, size.deals)

    def _activities(self) -> Rows:
        """Some customers hear from us often, most seldom; one activity in twelve is still to come."""
        size = self.size
        account = self._of("d.a ^ 2")
        head, _tail = self._head(account, size.tails)
        count = size.activities or 1
        at = f"to_timestamp({self._ms('d.n', count)} / 1000.0)"
        contact = f"(1 + ({account} - 1) * {size.contacts // size.accounts})"
        values = {
            "id": self._id("d.n", count, 4), **self._times(count), **self._held(),
            "subject": "t.name || h.name", "pinyin": "t.pinyin || h.pinyin", "body": "t.key",
            "search_text": _texts("t", "h", "t.more"), "search_grams": f"{_grams('t', 'h')} || t.more_grams",
            "kind": _picked("task call call call meeting visit visit message mail note", "d.b"),
            "status": "CASE WHEN d.c < 0.08 THEN 'planned' ELSE 'done' END",
            "due_at": f"CASE WHEN d.c < 0.08 THEN to_timestamp({size.now} / 1000 + d.e * 5000000 - 2500000) END",
            "done_at": f"CASE WHEN d.c < 0.08 THEN NULL ELSE {at} END",
            "result": "CASE WHEN d.c < 0.08 THEN '' ELSE 'completed' END", "duration_minutes": "floor(d.e * 60)::int",
            "account_id": self._id(account, size.accounts, 1),
            "contact_id": f"CASE WHEN d.b < 0.4 THEN {self._id(contact, size.contacts or 1, 2)} END"
            if size.contacts >= size.accounts else "NULL",
        }  # fmt: skip
        source = (
            f"{drawn()} JOIN bench_seat s ON s.n = {self._seat(account)} JOIN bench_head h ON h.n = {head}"
            f" JOIN bench_text t ON t.n = floor(d.t * {size.texts})::int"
        )
        return Rows(Activity, values, source, size.activities)


HALVES = ("name", "reading", "initials")
LATIN = HALVES[1:]
PHONE = "'154' || lpad(mod(d.n * 7, 100000000)::text, 8, '0')"


def _picked(values: str, draw: str) -> str:
    """One of the words, each as often as it stands there."""
    words = values.split()
    return f"('{{{','.join(words)}}}'::text[])[1 + floor({draw} * {len(words)})::int]"


def _named(first: str, second: str, numbers: Sequence[tuple[str, int]]) -> dict[str, str]:
    """The name of a record from two halves, its numbers with their lengths, and what it is sorted and found by."""
    grams = [_grams(first, second), *(_digits(text, length) for text, length in numbers)]
    return {
        "name": f"{first}.name || {second}.name", "pinyin": f"{first}.pinyin || {second}.pinyin",
        "search_text": _texts(first, second, *(f"{text} || E'\\n'" for text, _length in numbers)),
        "search_grams": " || ".join(grams),
    }  # fmt: skip


def _texts(first: str, second: str, *more: str) -> str:
    name, reading, initials = (f"{first}.{part} || {second}.{part}" for part in HALVES)
    return " || ".join(["E'\\n'", name, "E'\\n'", *more, reading, "E'\\n'", initials, "E'\\n'"])


def _grams(first: str, second: str) -> str:
    """What both halves keep, and what lies across: bigrams, and the letters that the whole begins with."""
    across = [f"right({first}.{part}, 1) || left({second}.{part}, 1)" for part in HALVES]
    across += [f"E'\\n' || left({first}.{part} || {second}.{part}, 4)" for part in LATIN]
    return f"{first}.inner_grams || {first}.begins || {second}.inner_grams || ARRAY[{', '.join(across)}]"


def _digits(text: str, length: int) -> str:
    """What is kept of a number of so many characters (fold.grams says the same in Python)."""
    pairs = [f"substr({text}, {n}, 2)" for n in range(1, length)]
    ends = [*(f"E'\\n' || left({text}, {n})" for n in (1, 2, 4)), f"right({text}, 4) || E'\\n'"]
    return f"ARRAY[{', '.join(pairs + ends)}]"


def _custom() -> str:
    """The column `custom` of a customer; what is blank has no key."""
    always = [key for key, one in CUSTOM.items() if one.filled == 1]
    parts = [f"jsonb_build_object({', '.join(_pair(key) for key in always)})"]
    by_share: dict[float, list[str]] = {}
    for key, one in CUSTOM.items():
        if one.filled < 1:
            by_share.setdefault(one.filled, []).append(key)
    for salt, (share, keys) in enumerate(by_share.items(), 20):
        made = f"jsonb_build_object({', '.join(_pair(key) for key in keys)})"
        parts.append(f"CASE WHEN {draw('d.n', salt)} < {share} THEN {made} ELSE '{{}}' END")
    return " || ".join(parts)


def _pair(key: str) -> str:
    return f"'{key}', {CUSTOM[key].sql}"
