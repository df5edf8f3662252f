"""Reading Chinese addresses: the division at their beginning, and what follows it.

省, 市, 区 may be missing ("深圳南山"), a level may be left out ("浙江义乌"), blanks and commas may stand
between, and the traditional script is understood. A name that several divisions share ("朝阳区" alone)
is not guessed: all candidates are given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

from zhike.base.fold import fold
from zhike.base.regions import Address, Region, children, path, table

_LONGEST = 16
_MUNICIPALITIES = ("11", "12", "31", "50")
_ALIASES = {"博州": "652700", "巴州": "652800", "克州": "653000", "杨凌": "610403", "杨凌区": "610403"}
_PROVINCE_SHORT = {"15": "内蒙古", "45": "广西", "54": "西藏", "64": "宁夏", "65": "新疆"}
_GROUPS = (
    "蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|"
    "柯尔克孜|土|达斡尔|仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|塔吉克|怒|鄂温克|保安|裕固|独龙|各"
)
_AUTONOMOUS = re.compile(rf"^(.{{2,}}?)(?:(?:{_GROUPS})族?)+自治([州县旗])$")
_SUFFIX = re.compile(r"(特别行政区|自治区|地区|林区|特区|新区|省|市|盟|区|县|旗)$")
_NOISE = re.compile(r"^(?:中华人民共和国|中国|地址[::]|邮编[::]?|\d{6}(?!\d)|[\s,,、;/|>·\-]+)+")
_BETWEEN = re.compile(r"^[\s,,、;/|>·\-]+")
_STREET = re.compile(r"^[东西南北中]?(?:一|二|三|四|五)?(?:路|街|大街|大道|道|巷|弄|胡同|公路|高速|大厦|广场)")
_REPEAT = re.compile(r"^(?:市辖区|省直辖县级行政区划|自治区直辖县级行政区划|直辖县级)")


def parse(address: str) -> Address:
    """Split an address into its division and the rest; folded only for comparing, kept as typed."""
    text = address.strip()
    text = text[_matched(_NOISE, text) :]
    code: str | None = None
    while True:
        codes, length = _match(text, code)
        if not codes:
            return Address(code, text)
        rest = _after(text, length, codes[0])
        if len(codes) > 1:
            fitting = [candidate for candidate in codes if _match(rest, candidate)[0]]
            if len(fitting) != 1:
                return Address(code, rest, codes)
            codes = (fitting[0],)
        code, text = codes[0], rest


def _after(text: str, length: int, code: str) -> str:
    """Drop the name just read, what stands between, and what forms repeat: 东莞·东莞市, 北京市·市辖区."""
    name, text = text[:length], text[length:]
    text = text[_matched(_BETWEEN, text) :]
    if code[:2] in _MUNICIPALITIES or not children(code):
        again = next((form for form in (table()[code].name, name) if text.startswith(form)), "")
        if not _STREET.match(text[len(again) :]):
            text = text[len(again) :]
    return text[_matched(_REPEAT, text) :]


def _matched(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _match(text: str, context: str | None) -> tuple[tuple[str, ...], int]:
    """Find the longest name at the start of the text that lies below the context.

    Returns the codes of that name and the number of characters it takes; no codes when there is none.
    A shorter reading wins when only it leads on: 济南·市中区, not 济南市·中区.
    """
    start = "".join(map(_folded, text[:_LONGEST]))
    found: list[tuple[tuple[str, ...], int]] = []
    for length in range(2, len(start) + 1):
        codes = _highest(_below(_names().get(start[:length], ()), context))
        if codes and not _is_street(codes, start, length):
            found.append((codes, length))
    if not found:
        return (), 0
    codes, length = found[-1]
    if len(found) > 1 and start[length - 1] == "市" and found[-2] == (codes, length - 1):
        below = (_leads_on(codes, text[length:]), _leads_on(codes, text[length - 1 :]))
        if below == (False, True):
            return found[-2]
    return codes, length


def _leads_on(codes: tuple[str, ...], rest: str) -> bool:
    return any(_match(rest, code)[0] for code in codes)


def _is_street(codes: tuple[str, ...], start: str, length: int) -> bool:
    """Tell whether a short name only names a street ("上海路"), unlike 哈尔滨·道里区."""
    if not _STREET.match(start[length:]) or fold(table()[codes[0]].name) == start[:length]:
        return False
    return not _leads_on(codes, start[length:])


@cache
def _folded(char: str) -> str:
    form = fold(char)
    return form if len(form) == 1 else char


def _below(names: tuple[tuple[str, bool], ...], context: str | None) -> tuple[str, ...]:
    """Keep the codes below the context; short names of counties need one, unless they are cities."""
    if context is None:
        return tuple(code for code, free in names if free)
    return tuple(code for code, _ in names if code != context and context in path(code))


def _highest(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Prefer the higher division when a city and its county share a short name ("朝阳")."""
    top = min(map(_level, codes), default=0)
    return tuple(code for code in codes if _level(code) == top)


def _level(code: str) -> int:
    if code.endswith("0000"):
        return 1
    # Taiwan's counties rank with those of Fujian that bear the same names (连江, 金门).
    return 2 if code.endswith("00") and not code.startswith("71") else 3


@cache
def _names() -> dict[str, tuple[tuple[str, bool], ...]]:
    """Map every folded name to (code, understood without a context)."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for region in table().values():
        for text, free in _forms(region):
            found[text][region.code] = found[text].get(region.code, False) or free
    for text, code in _ALIASES.items():
        found[text][code] = True
    return {text: tuple(codes.items()) for text, codes in found.items()}


def _forms(region: Region) -> list[tuple[str, bool]]:
    """Return the full name and the ways people shorten it, with whether each stands alone."""
    full = fold(region.name)
    forms = [(full, True)]
    county = not region.code.endswith("00")
    short = _PROVINCE_SHORT.get(region.code[:2]) if region.code.endswith("0000") else None
    autonomous = _AUTONOMOUS.match(full)
    if autonomous:
        short = autonomous.group(1)
        forms.append((short + autonomous.group(2), not county or len(short) > 1))
    short = short or _SUFFIX.sub("", full)
    if len(short) >= 2 and short != full:
        # A county-level city is known by its short name (义乌); a district or county is not.
        forms.append((short, not county or (full.endswith("市") and region.is_current)))
    return forms
