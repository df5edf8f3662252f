"""Telephone numbers as Chinese users type, paste and import them.

Rules: mobile 1[3-9] and nine digits (virtual operators are valid; a carrier is never inferred, because
numbers are portable), landline with area code and extension, 400/800 services, short service numbers.
Numbers of other countries are judged by the metadata of the package phonenumbers.
Source: 电信网编号计划 (工信部, 2017 edition) and RFC 3966.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers


class Kind(StrEnum):
    """What sort of number it is."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    SERVICE = "service"  # 400 and 800
    SHORT = "short"  # 95588, 12345, 10086
    FOREIGN = "foreign"  # with a country code other than 86
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as understood, together with the text it came from.

    `number` is E.164 ("+8613800138000"), or bare digits for short service numbers, or "" when not
    understood; `problem` then says why: "empty", "letters", "digits_lost" (a spreadsheet rounded it),
    "too_short", "too_long", "area_code" (a landline without area code), "invalid".
    """

    text: str
    number: str = ""
    extension: str = ""
    kind: Kind = Kind.UNKNOWN
    problem: str | None = None


_MOBILE = re.compile(r"1[3-9]\d{9}")
_PLAIN = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")  # a mobile as nearly all of them are written
_SERVICE = re.compile(r"[48]00\d{7}")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})\d{7,8}")
_LANDLINE_NO_ZERO = re.compile(r"(?:10|2\d|[3-9]\d{2})\d{7,8}")
_SHORT = re.compile(r"11[0249]|12[02]|1[012]\d{3}|11\d{4}|10[01]\d{3,6}|95\d{3,6}|96\d{3,4}")
_CODED = re.compile(r"852\d{8}|853\d{8}|886[2-9]\d{7,8}")
_LABEL = re.compile(
    r"^(?:手机号?码?|联系电话|电话号?码?|座机|固话|传真|微信|mobile|cell|phone|tel|fax|手機|電話|座機|傳真)[.:\s]*",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\s*[(\[【][^()\[\]【】\d]*[)\]】]\s*$|(?<=\d)\s*[\u4e00-\u9fff]+$"
    r"|^[\u4e00-\u9fff]+[:\s]*(?=[+\d])"
)
_EXTENSION = re.compile(r"\s*(?:转|轉|分机号?|分機|ext(?:ension)?\.?|x|#|;ext=|,|-|—)\s*:?\s*(\d{1,6})$", re.IGNORECASE)
_FLOAT = re.compile(r"\+?(\d{5,})\.0*")
_EXPONENT = re.compile(r"\+?(\d)(?:\.(\d+))?E\+?(\d{1,2})", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/、,;|\n\r\t]+|\s或\s?|或")
# A spreadsheet shows at most six significant digits in the form 1.38001E+10.
_SHOWN_DIGITS = 6


def parse(value: str | float, *, region: str = "CN") -> Phone:
    """Read one number; never raises on bad input, `problem` says what is wrong.

    `region` is the country (CN, HK, MO, TW, …) of numbers without a country code. Numbers (int, float)
    are taken as cells of a spreadsheet that dropped a leading zero.
    """
    if region == "CN" and isinstance(value, str) and (plain := _PLAIN.fullmatch(value)):
        return Phone(value, "+86" + plain[1], kind=Kind.MOBILE)
    return _parse(value, isinstance(value, str), region)


@lru_cache(1 << 13)  # one number is read several times on its way into a record
def _parse(value: str | float, is_text: bool, region: str) -> Phone:
    text = str(value).strip()
    cleaned, lossy_zero = _clean(text)
    if cleaned is None:
        return Phone(text, problem="digits_lost")
    if not re.search(r"\d", cleaned):
        return Phone(text, problem="letters" if cleaned else "empty")
    if lossy_zero or not is_text:
        cleaned = _restore_zero(cleaned)
    return _interpret(text, cleaned, region.upper())


def _clean(text: str) -> tuple[str | None, bool]:
    """Return (text in half width without label and remark, came from a float); None: digits lost."""
    cleaned = _LABEL.sub("", unicodedata.normalize("NFKC", text).strip())
    cleaned = _REMARK.sub("", re.sub(r"[\u200b-\u200f\u202a-\u202e\ufeff]", "", cleaned)).strip()
    if match := _FLOAT.fullmatch(cleaned):
        return match.group(1), True
    if match := _EXPONENT.fullmatch(cleaned):
        fraction, exponent = match.group(2) or "", int(match.group(3))
        if 1 + len(fraction) <= min(_SHOWN_DIGITS, exponent):
            return None, True
        return (match.group(1) + fraction).ljust(exponent + 1, "0")[: exponent + 1], True
    return cleaned, False


def _restore_zero(digits: str) -> str:
    if _LANDLINE_NO_ZERO.fullmatch(digits) and not _is_mainland(digits):
        return "0" + digits
    return digits


def _is_mainland(digits: str) -> bool:
    return bool(_MOBILE.fullmatch(digits) or _SERVICE.fullmatch(digits))


def _interpret(text: str, cleaned: str, region: str) -> Phone:
    """Try the whole text as a number, then the text before an extension."""
    whole = _number(text, cleaned, region)
    if whole.problem is None:
        return whole
    match = _EXTENSION.search(cleaned)
    if match:
        head = _number(text, cleaned[: match.start()], region)
        if head.problem is None and head.kind is not Kind.SHORT:
            return Phone(text, head.number, match.group(1), head.kind)
    return whole


def _number(text: str, cleaned: str, region: str) -> Phone:
    if re.search(r"[^\W\d_]", cleaned):
        return Phone(text, problem="letters")
    foreign = cleaned.lstrip("( ").startswith("+")
    digits = re.sub(r"\D", "", cleaned)
    if not foreign and digits.startswith("00"):
        foreign, digits = True, digits[2:]
    if foreign or region == "CN":
        mainland = _mainland(text, digits, coded=foreign)
        if mainland:
            return mainland
    if not foreign and region == "CN":
        return _taiwan_or_coded(text, digits, dashed="-" in cleaned or " " in cleaned)
    found = _by_metadata(text, "+" + digits if foreign else digits, region)
    if found.problem and _MOBILE.fullmatch(digits):
        return Phone(text, "+86" + digits, kind=Kind.MOBILE)
    return found


def _mainland(text: str, digits: str, *, coded: bool) -> Phone | None:
    """Read digits as a mainland number, with or without 86; None when they are not one."""
    if coded and not digits.startswith("86"):
        return None
    local = digits
    if digits.startswith("86") and (coded or len(digits) >= 11):
        local = digits[2:]
    bare = local.lstrip("0")
    if _MOBILE.fullmatch(bare):
        return Phone(text, "+86" + bare, kind=Kind.MOBILE)
    if _SERVICE.fullmatch(local):
        return Phone(text, "+86" + local, kind=Kind.SERVICE)
    if _LANDLINE.fullmatch(local) or (local != digits and _LANDLINE_NO_ZERO.fullmatch(local)):
        return Phone(text, "+86" + bare, kind=Kind.LANDLINE)
    return Phone(text, local, kind=Kind.SHORT) if _SHORT.fullmatch(local) else None


def _taiwan_or_coded(text: str, digits: str, *, dashed: bool) -> Phone:
    """Read what is no mainland number: 852/853/886 without plus, a Taiwan mobile, a lost zero."""
    if _CODED.fullmatch(digits):
        return _by_metadata(text, "+" + digits, "CN")
    if re.fullmatch(r"09\d{8}", digits):
        return _by_metadata(text, digits, "TW")
    if dashed and re.fullmatch(r"(?:10|2\d)\d{8}|[3-9]\d{2}\d{7,8}", digits):
        return Phone(text, "+86" + digits, kind=Kind.LANDLINE)
    if len(digits) < 7:
        return Phone(text, problem="too_short")
    if len(digits) <= 8:
        return Phone(text, problem="area_code")
    return Phone(text, problem="too_long" if len(digits) > 12 else "invalid")


def _by_metadata(text: str, candidate: str, region: str) -> Phone:
    try:
        parsed = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return Phone(text, problem="invalid")
    if not phonenumbers.is_valid_number(parsed) or parsed.country_code == 86:
        return Phone(text, problem=_length_problem(parsed))
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(text, number, kind=Kind.FOREIGN)


def _length_problem(parsed: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return "too_short"
    return "too_long" if reason == phonenumbers.ValidationResult.TOO_LONG else "invalid"


def split(text: str, *, region: str = "CN") -> list[str]:
    """Split a cell into the texts of its numbers.

    Separators are / 、 , ; | line breaks and 或; blanks separate only complete numbers, and a short
    piece after a slash replaces the end of the number before it ("010-62770334/35").
    """
    return list(_split(text, region))


@lru_cache(1 << 13)
def _split(text: str, region: str) -> tuple[str, ...]:
    if _PLAIN.fullmatch(text):
        return (text,)
    numbers: list[str] = []
    pieces = (p.strip() for p in _SEPARATORS.split(unicodedata.normalize("NFKC", text)))
    for piece in filter(None, pieces):
        if numbers and re.fullmatch(r"\d{1,4}", piece) and parse(piece).problem:
            numbers.append(numbers[-1][: -len(piece)] + piece)
        else:
            numbers.extend(_split_blanks(piece, region))
    return tuple(dict.fromkeys(numbers))


def _split_blanks(piece: str, region: str) -> list[str]:
    """Cut at blanks into the fewest parts that are all complete numbers; else leave whole."""
    words = piece.split()
    if len(words) == 1 or len(words) > 16 or parse(piece, region=region).problem is None:
        return [piece]
    best: list[list[str] | None] = [[]] + [None] * len(words)
    for end in range(1, len(words) + 1):
        for start in range(end):
            head = best[start]
            part = " ".join(words[start:end])
            if head is None or parse(part, region=region).problem:
                continue
            current = best[end]
            if current is None or len(head) + 1 < len(current):
                best[end] = [*head, part]
    return best[-1] or [piece]


def display(phone: Phone) -> str:
    """Write a number for reading: "138 0013 8000", "010-62770334-8001", "+852 9123 4567"."""
    if not phone.number:
        return phone.text
    tail = f"-{phone.extension}" if phone.extension else ""
    local = phone.number.removeprefix("+86")
    if phone.kind is Kind.MOBILE:
        return f"{local[:3]} {local[3:7]} {local[7:]}{tail}"
    if phone.kind is Kind.SERVICE:
        return f"{local[:3]}-{local[3:6]}-{local[6:]}{tail}"
    if phone.kind is Kind.LANDLINE:
        area = _area_length(local)
        return f"0{local[:area]}-{local[area:]}{tail}"
    if phone.kind is Kind.SHORT:
        return phone.number
    parsed = phonenumbers.parse(phone.number)
    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style) + tail


def _area_length(local: str) -> int:
    return 2 if local[0] in "12" else 3


def mask(phone: Phone) -> str:
    """Hide the middle of a number: "138****8000", "010-****0334"; extensions are left out."""
    if not phone.number:
        return re.sub(r"\d", "*", phone.text)
    if phone.kind is Kind.LANDLINE:
        local = phone.number.removeprefix("+86")
        return f"0{local[: _area_length(local)]}-****{local[-4:]}"
    if phone.kind is Kind.SHORT:
        return phone.number
    local = phone.number.removeprefix("+86")
    head = 3 if phone.kind in (Kind.MOBILE, Kind.SERVICE) else 4
    return f"{local[:head]}****{local[-4:] if len(local) > 8 else local[-2:]}"


def digits(phone: Phone) -> str:
    """Return the digits people search by: national form without blanks ("13800138000", "01062770334")."""
    if phone.problem == "digits_lost":
        return ""
    if not phone.number:
        return re.sub(r"\D", "", unicodedata.normalize("NFKC", phone.text))
    if phone.kind is Kind.LANDLINE:
        return "0" + phone.number.removeprefix("+86")
    return phone.number.removeprefix("+86").removeprefix("+")


def stored(number: str, *, extension: str = "") -> Phone:
    """Rebuild a Phone from a stored number, for display, mask and digits."""
    phone = parse(number)
    if phone.number != number:
        return Phone(number, extension=extension, problem="invalid")
    return Phone(number, number, extension, phone.kind)
