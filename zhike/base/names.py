"""Keys of company names for finding duplicates.

Three keys, from strict to loose: `legal_key` for "the same full legal
name", `name_key` without legal form (华为技术有限公司 = 华为技术), `similarity_key` also without the place in
front. A branch (…分公司, …办事处) is another entity than its company and keeps its ending in every key.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from zhike.base.fold import fold
from zhike.base.regions import table

_PUNCTUATION = re.compile(r"[\W_]+")
_LEGAL_FORM = re.compile(
    r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|控股公司|总公司|公司|有限合伙|普通合伙)$"
)
COMPANY_FORMS = r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|公司|有限合伙|普通合伙|控股|集团)+"
_LATIN_FORM = re.compile(r"(?:[\s,.]+(?:company|co|limited|ltd|incorporated|inc|corporation|corp|llc|plc|gmbh))+\.?$")
_GROUP = re.compile(r"(?:集团|group)$")
_ESTABLISHMENT = re.compile(r"(?:事务所|中心|工厂|商店|厂|店)$")
_BRANCH = re.compile(r"(?:分公司|分店|分厂|分行|支行|分部|分院|分所|分理处|营业部|办事处|代表处|branch)$")
_COMPANY_IN_BRANCH = re.compile(r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|(?<!分)公司)(?=.)")
_NUMERAL = re.compile(r"第([零〇一二三四五六七八九十百]+)|([一二三四五六七八九十]+)(?=分[公店厂行部院所])")
_BARE_NUMBER = re.compile(r"(?<!第)(?<!\d)(\d+)(?=分[公店厂行部院所])")
_VALUES = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0}
_SHORTEST = 2


@lru_cache(1 << 13)  # one name is asked for again and again on its way into a record
def legal_key(name: str) -> str:
    """Return the full legal name without script, width, case, blanks, brackets and punctuation."""
    return _arabic(_PUNCTUATION.sub("", fold(name)))


@lru_cache(1 << 13)
def name_key(name: str) -> str:
    """Return the key two spellings of one company share; at least two characters are always left."""
    key = legal_key(_LATIN_FORM.sub("", fold(name))) or legal_key(name)
    if _BRANCH.search(key):
        return _COMPANY_IN_BRANCH.sub("", key, count=1)
    formed = _strip(_LEGAL_FORM, key)
    if formed == key:
        return _strip(_ESTABLISHMENT, key)
    return _strip(_GROUP, formed)


def has_form(legal: str) -> bool:
    """Whether a folded name ends with a legal form, or as a branch does: it is a whole name of a firm."""
    return bool(_LEGAL_FORM.search(legal) or _BRANCH.search(legal) or _ESTABLISHMENT.search(legal))


def similarity_key(name: str) -> str:
    """Return `name_key` without the divisions in front (广东省深圳市…, 深圳…), for scoring only."""
    key = name_key(name)
    for _ in range(3):
        length = next((n for n in range(12, 1, -1) if key[:n] in places()), 0)
        if not length or len(key) - length < _SHORTEST:
            return key
        key = key[length:]
    return key


def _strip(pattern: re.Pattern[str], key: str) -> str:
    shorter = pattern.sub("", key)
    return shorter if len(shorter) >= _SHORTEST else key


def _arabic(text: str) -> str:
    """Write 第一分公司, 一分公司 and 1分公司 alike: 第1分公司."""

    def number(match: re.Match[str]) -> str:
        return f"第{_value(match.group(1) or match.group(2))}"

    return _BARE_NUMBER.sub(r"第\1", _NUMERAL.sub(number, text))


def _value(numerals: str) -> int:
    if not re.search("[十百]", numerals):
        return int("".join(str(_VALUES[char]) for char in numerals))
    total = digit = 0
    for char in numerals:
        if char in "十百":
            total += (digit or 1) * (10 if char == "十" else 100)
            digit = 0
        else:
            digit = _VALUES[char]
    return total + digit


@cache
def places() -> frozenset[str]:
    """Return folded names of divisions; provinces and cities also without their ending."""
    found = set()
    for region in table().values():
        full = fold(region.name)
        found.add(full)
        short = re.sub(r"(?:壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区|省|市)$", "", full)
        if len(short) >= 2:
            found.add(short)
    return frozenset(found)
