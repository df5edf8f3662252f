"""The 500 queries of the bench `search`: each with the record that must come first, and the records that are wanted.

Drawn with a fixed seed from words that the large firm does not use, so that there is one right answer to each; the hard
ones are written by hand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from zhike.base import fold, pinyin

from .load_words import CITIES, FORMS, GIVEN, SURNAMES, TRADES

SEED = 20260704
FIRST = "麒鹏琪秦琴蓬磐沛诺妮楠凝沃梧鹅峨恩尔"  # begin with letters that no stem of the firm begins with
SECOND = "鲲骊骥翡翠琥珀玺璟煜羿曜昶淼焱鑫森霖澜崧嵘峻珑"
MEANT = "麒鹏磐沛诺楠沃梧峨恩鲲骊骥翡翠琥珀玺璟煜曜淼鑫森霖澜崧嵘峻"
TYPED = "奇朋盘佩糯南握吴娥摁昆离记匪脆虎破喜景玉耀秒新僧林兰松荣俊"
SOUNDS_LIKE = dict(zip(MEANT, TYPED, strict=True))
FIRMS, PERSONS = 150, 70
ENGLISH = (
    "Zephyrine Valves Ltd", "Quorndale Instruments Inc", "Brightwater Pumps GmbH", "Oakhaven Textiles Co., Ltd",
    "Vortexia Robotics Limited", "Nimbuscope Imaging LLC", "Wolfram & Pike Tools", "Evergreen-Dyer Chemicals",
    "Kestrelway Logistics", "Fjordline Seafood AS", "Pemberton Optics plc", "Xylophon Audio SARL",
)  # fmt: skip
HARD = {  # name: kind and query, apart by |
    "攀枝花镍矿物资有限公司": "chinese 镍|typo 攀枝花矿物资",
    "张家口氢能装备有限公司": "chinese 氢|typo 张家口氢能装倍",
    "绥化酱菜厂": "chinese 酱",
    "曾国藩故居文化有限公司": "pinyin zengguofan|initials zgfgj",
    "解州盆栽园": "pinyin xiezhoupenzai|typo xiezoupenzai",
    "东阿阿胶制品厂": "pinyin dongeejiao|initials deej|mixed 东阿ejiao|typo 东啊阿胶",
    "六安瓜片茶业有限公司": "pinyin luanguapian|initials lagpcy|mixed 六安gp|typo 六安瓜骗",
    "蚌埠玻璃厂": "pinyin bengbuboli|mixed 蚌埠boli|typo 蚌埠波璃厂|typo benbuboli",
    "乐清电器开关厂": "pinyin yueqing dianqi|initials yqdqkg",
    "网红小面馆": "pinyin wanghongxiaomian|mixed 网红xiaomian",
    "里海渔业有限公司": "traditional 裏海漁業",
    "台北髮絲護理有限公司": "traditional 发丝护理",
    "新疆干果批发部": "traditional 乾果",
    "後院書店": "traditional 后院书店|typo 后院店书",
    "TCM 針灸診所": "traditional ＴＣＭ|traditional 针灸诊所",
    "Zephyrine Valves Ltd": "typo zephirine",
    "Quorndale Instruments Inc": "typo quorndael",
    "Brightwater Pumps GmbH": "typo brigthwater",
    "Nimbuscope Imaging LLC": "typo nimbuscop imaging",
    "Kestrelway Logistics": "typo kestrelvay",
    "Xylophon Audio SARL": "typo xylohpon",
}
SHARES = {
    "chinese": 90, "pinyin": 70, "initials": 60, "typo": 80, "phone": 50, "mixed": 60, "traditional": 40, "english": 30,
    "code": 20,
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A record that must be found; `of` is the customer of a person, `opened` whether its reader has opened it."""

    entity: str
    name: str
    values: dict[str, str] = field(default_factory=dict)
    of: str = ""
    opened: bool = False


@dataclass(frozen=True)
class Query:
    """What is typed, and the name of the record that must come first."""

    kind: str
    text: str
    name: str


def draw() -> tuple[list[Wanted], list[Query]]:
    """The wanted records and the 500 queries, always the same."""
    dice = random.Random(SEED)  # noqa: S311 - for drawing data, not secrets
    firms, persons = _firms(dice), _persons(dice)
    people = [Wanted("contact", person, of=firm.name) for person, firm in zip(persons, firms, strict=False)]
    hard = [Wanted("account", name) for name in HARD]
    others = [Wanted("account", name) for name in ENGLISH if name not in HARD]
    ways: dict[str, Callable[[], Iterator[Query]]] = {
        "chinese": lambda: _chinese(dice, firms), "pinyin": lambda: _pinyin(firms, people),
        "initials": lambda: _initials(firms), "typo": lambda: _typos(dice, firms), "phone": lambda: _phones(firms),
        "mixed": lambda: _mixed(firms, people), "traditional": lambda: _traditional(dice, firms),
        "english": lambda: _english(dice), "code": lambda: _codes(firms),
    }  # fmt: skip
    asked = [(name, *one.partition(" ")) for name, ones in HARD.items() for one in ones.split("|")]
    by_hand = [Query(kind, text, name) for name, kind, _blank, text in asked]
    queries = []
    for kind, share in SHARES.items():
        found = [one for one in by_hand if one.kind == kind]
        found += [one for one in ways[kind]() if one not in found]
        queries += found[:share]
    return [*firms, *people, *hard, *others], queries


# ---- records


@cache
def _variants() -> dict[str, str]:
    """Simplified character -> its first traditional one."""
    table = fold.variants()
    found: dict[str, str] = {}
    for other, simplified in table.items():
        found.setdefault(simplified, other)
    return found


def traditional(text: str) -> str:
    """The text as somebody types it in traditional characters."""
    return "".join(_variants().get(char, char) for char in text)


def _firms(dice: random.Random) -> list[Wanted]:
    """Customers whose pair of characters, its sound, and the initials of the name nobody else has."""
    names = list(product(CITIES, FIRST, SECOND, TRADES, FORMS))
    dice.shuffle(names)
    taken: set[str] = set()
    found: list[Wanted] = []
    for city, one, two, trade, form in names:
        name, pair = city + one + two + trade + form, one + two
        marks = {pair, pinyin.plain(pair), city + one, pinyin.company(name).initials[:6]}
        if taken & marks:
            continue
        taken |= marks
        n = len(found)
        number = f"139{7:01d}{71_000_00 + n * 7_919:07d}"
        values = {"phone": number, "external_id": f"ERP-{40_000 + n * 37}", "short_name": pair if n % 3 == 0 else ""}
        found.append(Wanted("account", name, {k: v for k, v in values.items() if v}, opened=n < 10))
        if len(found) == FIRMS:
            break
    return found


def _persons(dice: random.Random) -> list[str]:
    known = {pinyin.plain(char) for char in GIVEN}
    ones = [char for char in FIRST if pinyin.plain(char) not in known]
    names = ["".join(each) for each in product(SURNAMES[-8:] + "欧尉盖任纪", ones, SECOND)]
    dice.shuffle(names)
    by_sound = {pinyin.person(name).full: name for name in names}
    return list(by_sound.values())[:PERSONS]


def _parts(firm: Wanted) -> tuple[str, str, str]:
    """City, pair of characters, and what follows."""
    return firm.name[:2], firm.name[2:4], firm.name[4:]


# ---- what is typed


def _chinese(dice: random.Random, firms: Sequence[Wanted]) -> Iterator[Query]:
    for n, firm in enumerate(firms):
        city, pair, rest = _parts(firm)
        text = (pair, pair + rest[0], city + pair, pair + rest[:2], city + pair + rest[:2], firm.name)[n % 6]
        yield Query("chinese", dice.choice((text, text, f" {text} ")), firm.name)


def _pinyin(firms: Sequence[Wanted], people: Sequence[Wanted]) -> Iterator[Query]:
    for n, (firm, person) in enumerate(zip(firms, people, strict=False)):
        city, pair, rest = _parts(firm)
        text = (city + pair, pair + rest[:2], city + pair + rest[:2], firm.name)[n % 4]
        yield Query("pinyin", pinyin.plain(text), firm.name)
        yield Query("pinyin", pinyin.person(person.name).full, person.name)


def _initials(firms: Sequence[Wanted]) -> Iterator[Query]:
    for n, firm in enumerate(firms):
        letters = pinyin.company(firm.name).initials
        yield Query("initials", letters[: (6, 7, 8)[n % 3]].upper() if n % 7 == 0 else letters[: 6 + n % 3], firm.name)


def _typos(dice: random.Random, firms: Sequence[Wanted]) -> Iterator[Query]:
    for n, firm in enumerate(firms):
        city, pair, rest = _parts(firm)
        if n % 5 == 0:
            alike = "".join(SOUNDS_LIKE.get(char, char) for char in pair)
            text = (alike if alike != pair else pair[::-1]) + rest[:2]
        elif n % 5 == 1:
            text = city + pair[0] + "的" + rest[:2]
        elif n % 5 == 2:
            text = city + pair[0] + rest[:3]
        elif n % 5 == 3:
            text = city + pair[::-1] + rest[:2]
        else:
            text = _slip(dice, pinyin.plain(city + pair))
        yield Query("typo", text, firm.name)


def _slip(dice: random.Random, word: str) -> str:
    """One letter wrong, missing, doubled or swapped, after the second."""
    at = dice.randrange(2, len(word) - 1)
    left, right = word[:at], word[at + 1 :]
    ways = (left + "x" + right, left + right, left + word[at] * 2 + right, left + right[0] + word[at] + right[1:])
    return next(text for text in dice.sample(ways, 4) if text != word)


def _phones(firms: Sequence[Wanted]) -> Iterator[Query]:
    for n, firm in enumerate(firms):
        number = firm.values["phone"]
        spaced = f"{number[:3]} {number[3:7]} {number[7:]}"
        forms = (number[-7:], number, spaced, f"+86 {spaced}", spaced.replace(" ", "-"), number[-8:])
        yield Query("phone", number[-4:] if firm.opened else forms[n % 6], firm.name)


def _mixed(firms: Sequence[Wanted], people: Sequence[Wanted]) -> Iterator[Query]:
    for n, (firm, person) in enumerate(zip(firms, people, strict=False)):
        city, pair, rest = _parts(firm)
        initials = pinyin.person(person.name).initials
        if n % 4 == 0:
            yield Query("mixed", f"{initials} {pair}", person.name)
        elif n % 4 == 1:
            yield Query("mixed", f"{pair} {person.name[0]}", person.name)
        elif n % 4 == 2:
            yield Query("mixed", city + pinyin.plain(pair), firm.name)
        else:
            yield Query("mixed", pair + pinyin.company(rest[:2]).full, firm.name)


def _traditional(dice: random.Random, firms: Sequence[Wanted]) -> Iterator[Query]:
    for firm in firms:
        city, pair, rest = _parts(firm)
        text = dice.choice((pair + rest[:2], city + pair))
        if traditional(text) != text:
            yield Query("traditional", traditional(text), firm.name)


def _english(dice: random.Random) -> Iterator[Query]:
    for name in ENGLISH:
        first, second = fold.fold(name).split()[:2]
        yield Query("english", first[:5], name)
        yield Query("english", name.upper(), name)
        yield Query("english", f"{first} {second[:3]}", name)


def _codes(firms: Sequence[Wanted]) -> Iterator[Query]:
    for n, firm in enumerate(firms):
        code = firm.values["external_id"]
        yield Query("code", code if n % 2 else code.lower(), firm.name)
