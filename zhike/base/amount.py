"""Amounts of money: reading what people type, short and full forms, and 人民币大写.

Sources: 支付结算办法 annex 1 (中国人民银行, 正确填写票据和结算凭证的基本规定) for the capital form; amounts are
Decimal throughout, never float.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise

HALF_WIDTH = {
    ord(wide): unicodedata.normalize("NFKC", wide) for wide in "０１２３４５６７８９．，－＋％（）＄￥ＥｅＫＭＢ　"
} | {ord("−"): "-", ord("–"): "-", ord("﹣"): "-", ord("。"): "."}

_LIMIT = Decimal(10) ** 16
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_SYMBOLS = {
    "CNY": "¥", "HKD": "HK$", "MOP": "MOP$", "TWD": "NT$", "USD": "US$", "EUR": "€", "GBP": "£",
    "JPY": "JP¥",
}  # fmt: skip
_WHOLE = {"JPY"}
_CURRENCY = re.compile(r"^(?:人民币|RMB|CNY|US\$|HK\$|NT\$|[¥$€£])\s*|\s*(?:人民币|RMB|CNY)$", re.IGNORECASE)
_UNIT = re.compile(r"(?P<unit>万亿|萬億|亿|億|千万|千萬|百万|百萬|万|萬|千|[wWkKmMbB])?\s*(?:元|圆|圓)?\s*(?:整|正)?$")
_UNITS = {
    "千": 3, "k": 3, "万": 4, "萬": 4, "w": 4, "百万": 6, "百萬": 6, "m": 6, "千万": 7, "千萬": 7,
    "亿": 8, "億": 8, "b": 9, "万亿": 12, "萬億": 12,
}  # fmt: skip
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:E[+-]?\d{1,2})?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?|[+-]?\d{1,4}(?:,\d{4})+(?:\.\d*)?")
_CAPITAL = re.compile(r"[零壹贰貳叁參叄肆伍陆陸柒捌玖一二三四五六七八九十〇两兩百拾佰仟]")
# 〇 and the small numerals are what people type for the capital ones.
_CAPITAL_VALUES = {char: value for value, char in enumerate(_DIGITS)} | {
    char: value for value, char in enumerate("〇一二三四五六七八九")
} | {"貳": 2, "參": 3, "叄": 3, "陸": 6, "两": 2, "兩": 2}  # fmt: skip
_CAPITAL_UNITS = {"拾": 10, "十": 10, "佰": 100, "百": 100, "仟": 1000, "千": 1000}


def parse(raw: str) -> Decimal | None:
    """Read an amount as Chinese files carry it, None when it is none.

    Understood: currency signs, 元, thousands separators (groups of three or four), 万 and 亿, (1,234)
    and -1,234 for negatives, full-width characters, 人民币大写.
    """
    text = raw.translate(HALF_WIDTH).strip()
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1].strip()
    if text[:1] in "-+":
        negative, text = negative != (text[:1] == "-"), text[1:].strip()
    if text[:1] in ("-", "+"):
        return None
    read = _capital_or_none if _CAPITAL.search(text) else _plain
    value = read(text)
    return -value if negative and value is not None else value


def _plain(text: str) -> Decimal | None:
    text = _CURRENCY.sub("", text).strip()
    unit = _UNIT.search(text)
    number = text[: unit.start()].strip() if unit else text
    if _GROUPED.fullmatch(number):
        number = number.replace(",", "")
    number = re.sub(r"(?<=\d) (?=\d{3}(?:\D|$))", "", number)
    if not _PLAIN.fullmatch(number):
        return None
    exponent = _UNITS.get((unit.group("unit") or "").lower(), 0) if unit else 0
    try:
        return Decimal(f"{Decimal(number).scaleb(exponent):f}")
    except InvalidOperation:
        return None


def _capital_or_none(text: str) -> Decimal | None:
    try:
        return from_capital(text)
    except ValueError:
        return None


def compact(value: Decimal | int, lang: str = "zh-hans") -> str:
    """Shorten an amount for cards and charts: 12.35万, 9,999.5万, 1.2亿; 12.35K, 1.2M in English.

    At most two decimals, none that are zero; rounding never shows 10,000万.
    """
    amount = Decimal(value)
    steps = _steps(lang)
    for (exponent, unit), (larger, _) in pairwise(((99, ""), *steps)[::-1]):
        shown = _rounded(amount.scaleb(-exponent))
        if abs(shown) < Decimal(10) ** (larger - exponent):
            return f"{_trimmed(shown)}{unit}"
    raise ValueError(f"no compact form of {value}")


def _steps(lang: str) -> tuple[tuple[int, str], ...]:
    if lang.lower().startswith("en"):
        return (9, "B"), (6, "M"), (3, "K"), (0, "")
    if any(mark in lang.lower() for mark in ("hant", "tw", "hk", "mo")):
        return (12, "萬億"), (8, "億"), (4, "萬"), (0, "")
    return (12, "万亿"), (8, "亿"), (4, "万"), (0, "")


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _trimmed(value: Decimal) -> str:
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def money(value: Decimal, lang: str = "zh-hans", *, currency: str = "CNY") -> str:
    """Write an amount in full: ¥1,234.50, -¥5.00, US$ for dollars ($ in English), code if unknown."""
    places = Decimal(1) if currency in _WHOLE else Decimal("0.01")
    rounded = Decimal(value).quantize(places, ROUND_HALF_UP)
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    if currency == "USD" and lang.lower().startswith("en"):
        symbol = "$"
    sign = "-" if rounded < 0 else ""
    return f"{sign}{symbol}{abs(rounded):,}"


def to_capital(value: Decimal | int, *, prefix: bool = False) -> str:
    """Write an amount in 人民币大写, rounded to 分: 1409.50 → 壹仟肆佰零玖元伍角.

    `prefix` puts 人民币 in front, without a gap. Raises ValueError at 10^16 and above.
    """
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) >= _LIMIT:
        raise ValueError(f"no capital form of {value}")
    cents = int(abs(amount).scaleb(2).to_integral_value(ROUND_HALF_UP))
    whole, jiao, fen = cents // 100, cents // 10 % 10, cents % 10
    text = _whole(whole) + "元" if whole else ""
    if jiao:
        # 支付结算办法: 元 is 0 and 角 is not: 零 may be written, so it is.
        text += ("零" if whole and whole % 10 == 0 else "") + _DIGITS[jiao] + "角"
    elif fen and whole:
        text += "零"
    if fen:
        text += _DIGITS[fen] + "分"
    elif not jiao:
        text = (text or "零元") + "整"
    sign = "负" if amount < 0 and cents else ""
    return ("人民币" if prefix else "") + sign + text


def _whole(number: int) -> str:
    """Write a positive integer: groups of four digits, one 零 for any gap inside or between them."""
    for exponent, unit in ((8, "亿"), (4, "万")):
        high, low = divmod(number, 10**exponent)
        if high:
            gap = "零" if 0 < low < 10 ** (exponent - 1) else ""
            return _whole(high) + unit + gap + (_whole(low) if low else "")
    text = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            text += _DIGITS[digit] + _PLACES[place]
        elif text and number % 10**place and not text.endswith("零"):
            text += "零"
    return text


def from_capital(text: str) -> Decimal:
    """Read 人民币大写 (圆, 正, small and traditional numerals too); raises ValueError when it is none."""
    body = re.sub(r"\s|^人民币|^人民幣|[:：]", "", text)
    sign = -1 if body[:1] in ("负", "負") else 1
    body = body.lstrip("负負").replace("圆", "元").replace("圓", "元").replace("萬", "万")
    body = re.sub(r"[整正]$", "", body.replace("億", "亿"))
    body = body if re.search("[元角分]", body) else f"{body}元"
    match = re.fullmatch(r"(?:(.+)元)?(?:零?(.)角)?(?:零?(.)分)?", body)
    if not match or not body:
        raise ValueError(f"no capital amount: {text!r}")
    whole, jiao, fen = match.groups()
    cents = _value(whole or "零") * 100 + _digit(jiao) * 10 + _digit(fen)
    return sign * Decimal(cents).scaleb(-2)


def _digit(char: str | None) -> int:
    if char is None:
        return 0
    if char not in _CAPITAL_VALUES:
        raise ValueError(f"no numeral: {char!r}")
    return _CAPITAL_VALUES[char]


def _value(text: str) -> int:
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = text.rpartition(unit)
        if found:
            return _value(head) * worth + (_value(tail) if tail else 0)
    total = digit = 0
    for char in text:
        if char in _CAPITAL_UNITS:
            total += (digit or 1) * _CAPITAL_UNITS[char]
            digit = 0
        elif digit:
            raise ValueError(f"two numerals without a unit: {text!r}")
        else:
            digit = _digit(char)
    return total + digit
