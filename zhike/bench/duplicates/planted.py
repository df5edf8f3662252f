"""A million names of firms of which some are there twice, written in another way, and how long the finder needs.

What is looked for is what the rules define: pairs that `firms.similarity` takes for one. All that was planted is told
beside it. By hand is what a plain equality of names costs in PostgreSQL.
"""

from __future__ import annotations

import random
import resource
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from uuid import UUID

from django.db import connection

from zhike.base import fold
from zhike.base.ids import uuid7
from zhike.base.likeness import firms
from zhike.bench import Figure, Options, at_least, figure, scratch, within
from zhike.bench.load_words import CITIES, TRADES
from zhike.engine.duplicates import alike, finder
from zhike.engine.entity import get
from zhike.engine.models import DuplicateGroup

ROWS, SHARE = 1_000_000, 0.03
SECONDS, RECALL = 60, 0.9
FORMS = ("有限公司", "有限公司", "有限公司", "股份有限公司", "有限责任公司", "集团有限公司")
SIGNS = 700  # characters of which names are made
PROVINCES = {"深圳": "广东省", "苏州": "江苏省", "杭州": "浙江省", "成都": "四川省", "武汉": "湖北省", "青岛": "山东省"}
NUMERALS = "一二三四五六七八九"
Draw = random.Random


def run(options: Options) -> Iterator[Figure]:
    """Seconds and recall of the finder over so many customers that have but a name."""
    count = options.get("rows") or ROWS
    draw = Draw(7)
    with scratch.database(options["server"], "duplicates"):
        names, planted = _made(draw, count)
        ids = _load(names)
        by_hand = _plain()
        begun = perf_counter()
        finder.run(get("account"))
        taken = perf_counter() - begun
        rows = DuplicateGroup.objects.values_list("records", flat=True)
        group = {pk: n for n, members in enumerate(rows) for pk in members}
    hit = Counter[str]()
    defined, of_kind = Counter[str](), Counter(kind for _a, _b, kind in planted)
    for a, b, kind in planted:
        is_found = ids[a] in group and group[ids[a]] == group.get(ids[b])
        hit[f"all {kind}"] += is_found
        if firms.similarity(names[a], names[b])[0] >= alike.ALIKE:
            defined[kind] += 1
            hit[kind] += is_found
    total = defined.total()
    kinds = sum(hit[kind] for kind in defined)
    yield within(f"finder over {count:,} names, {len(planted):,} planted", taken, "s", by_hand, SECONDS)
    yield at_least("recall of what the rules define", kinds / total, "", 0, RECALL)
    for kind, n in sorted(of_kind.items()):
        yield figure(f"recall of all planted: {kind}", hit[f"all {kind}"] / n, "", 0)
    yield figure("memory at its highest", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", 0)


def _signs(draw: Draw) -> list[str]:
    """Common characters: the first level of GB 2312."""
    every = [
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xD7)
        for cell in range(0xA1, 0xFF - 5 * (row == 0xD6))
    ]
    return draw.sample(every, SIGNS)


def _made(draw: Draw, count: int) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Names, and the planted among them: (original, variant, how it was made)."""
    signs = _signs(draw)
    doubles = int(count * SHARE)
    names = [_name(draw, signs) for _ in range(count - doubles)]
    kinds = list(VARIANTS)
    planted = []
    for n, at in enumerate(draw.sample(range(len(names)), doubles)):
        kind = kinds[n % len(kinds)]
        if kind == "branch numeral":
            names[at] += f"第{draw.choice(NUMERALS)}分公司"
        variant = VARIANTS[kind](draw, names[at])
        if variant != names[at]:
            planted.append((at, len(names), kind))
            names.append(variant)
    return names, planted


def _name(draw: Draw, signs: Sequence[str]) -> str:
    brand = "".join(draw.choice(signs) for _ in range(draw.choice((2, 2, 2, 3, 3, 4))))
    city, trade, form = draw.choice(CITIES), draw.choice(TRADES), draw.choice(FORMS)
    return f"{city}{'市' * (draw.random() < 0.3)}{brand}{trade}{form}" if draw.random() < 0.85 else (
        f"{brand}（{city}）{trade}{form}"
    )  # fmt: skip


def _suffix(draw: Draw, name: str) -> str:
    form = next((f for f in sorted(set(FORMS), key=len, reverse=True) if name.endswith(f)), "")
    return name.removesuffix(form) + draw.choice([f for f in ("", "公司", "有限公司", "有限责任公司") if f != form])


def _brackets(draw: Draw, name: str) -> str:
    if "（" in name:
        return draw.choice((name.replace("（", "(").replace("）", ")"), name.replace("（", "").replace("）", "")))
    return f" {name[:2]} {name[2:]}　"


def _wide(draw: Draw, name: str) -> str:
    return f"{name[:-2]}\u3000{name[-2:]}" if "（" not in name else name.replace("（", "﹙").replace("）", "﹚")


def _traditional(draw: Draw, name: str) -> str:
    table: dict[str, str] = {}
    for other, simple in fold.variants().items():
        table.setdefault(simple, other)
    return "".join(table.get(c, c) for c in name)


def _numeral(draw: Draw, name: str) -> str:
    for value, char in enumerate(NUMERALS, 1):
        name = name.replace(f"第{char}分", f"第{value}分")
    return name


def _region(draw: Draw, name: str) -> str:
    city = next((c for c in CITIES if name.startswith(c)), "")
    if not city:
        return name
    rest = name.removeprefix(city).removeprefix("市")
    return draw.choice((rest, f"{PROVINCES.get(city, '')}{city}市{rest}"))


def _typo(draw: Draw, name: str) -> str:
    """One slip: a sign left out, doubled or swapped, or another that sounds alike."""
    at, how = draw.randrange(1, len(name) - 4), draw.randrange(4)
    if how == 0:
        return name[:at] + name[at + 1 :]
    if how == 1:
        return name[:at] + name[at] + name[at:]
    if how == 2:
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + draw.choice(_alike(name[at])) + name[at + 1 :]


_heard: dict[str, list[str]] = {}


def _alike(char: str) -> list[str]:
    if not _heard:
        for other in _signs(Draw(1)) + list("".join(TRADES)):
            for sound in firms.readings(other):
                _heard.setdefault(sound, []).append(other)
    sound = next(iter(firms.readings(char)), "")
    return [c for c in _heard.get(sound, ()) if c != char] or [char]


VARIANTS: dict[str, Callable[[Draw, str], str]] = {
    "suffix": _suffix, "brackets and blanks": _brackets, "full width": _wide, "traditional": _traditional,
    "branch numeral": _numeral, "region": _region, "typo": _typo,
}  # fmt: skip


def _load(names: Sequence[str]) -> list[UUID]:
    """Plain customers that have but a name."""
    ids = [uuid7() for _ in names]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE planted (id uuid, name text)")
        with cursor.copy("COPY planted (id, name) FROM STDIN") as copy:
            for row in zip(ids, names, strict=True):
                copy.write_row(row)
        cursor.execute("ALTER TABLE customers_account DISABLE TRIGGER USER")
        given = _defaults()
        columns, values = ", ".join(given), ", ".join(given.values())
        cursor.execute(f"INSERT INTO customers_account ({columns}) SELECT {values} FROM planted p")  # noqa: S608
        cursor.execute("ALTER TABLE customers_account ENABLE TRIGGER USER")
        cursor.execute("ANALYZE customers_account")
    return ids


def _defaults() -> dict[str, str]:
    """A value for each column that must have one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customers_account' "
            "AND table_schema = current_schema() AND is_nullable = 'NO' AND column_default IS NULL"
        )
        needed = dict(cursor.fetchall())
    of = {
        "uuid": "p.id", "timestamp with time zone": "now()", "integer": "1", "ARRAY": "'{}'", "jsonb": "'{}'",
        "boolean": "false", "bigint": "1", "smallint": "1",
    }  # fmt: skip
    found = {name: of.get(kind, "''") for name, kind in needed.items()}
    return {**found, "name": "p.name", "number": "''"}


def _plain() -> float:
    begun = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT 1 FROM customers_account GROUP BY name HAVING count(*) > 1) x")
    return perf_counter() - begun
