"""Registration numbers of organisations: 统一社会信用代码, tax ids, Taiwan and Hong Kong numbers.

Sources: GB 32100-2015 (18-character unified code), GB 11714-1997 (organisation code inside it),
GB 11643-1999 (identity number, which is the tax id of an individual), the Taiwan Ministry of
Finance rule for 統一編號 in force since April 2023 (weighted digit sum divisible by 5).
Every check answers with a short code, never a text: callers translate.
"""

from __future__ import annotations

import re
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORG_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ID_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_TW_WEIGHTS = (1, 2, 1, 2, 1, 2, 4, 1)
# Registering departments of GB 32100-2015 and its later additions (A, N).
_DEPARTMENTS = frozenset("123456789ANY")
_TAX_ID = re.compile(r"[0-9A-Z]{15,20}")
_EIGHT_DIGITS = re.compile(r"[0-9]{8}")


def normalise(code: str) -> str:
    """Return the code in half-width capitals without blanks, dashes and dots."""
    return re.sub(r"[\s\-‐-―.·]", "", unicodedata.normalize("NFKC", code)).upper()


def problem(code: str) -> str | None:
    """Say what is wrong with a 统一社会信用代码, or None.

    Codes: "length" (not 18 characters), "alphabet" (a character that never occurs, such as I O S V Z),
    "department" (first character names no registering department), "check_digit" (GB 32100-2015),
    "organisation" (characters 9 to 17 fail GB 11714).
    """
    code = normalise(code)
    if len(code) != 18:
        return "length"
    if any(char not in ALPHABET for char in code):
        return "alphabet"
    if code[0] not in _DEPARTMENTS:
        return "department"
    if code[17] != check_digit(code):
        return "check_digit"
    if code[16] != organisation_check(code[8:16]):
        return "organisation"
    return None


def check_digit(code: str) -> str:
    """Compute character 18 from the first 17 (GB 32100-2015: weights 3^(i-1) mod 31)."""
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(code, _USCC_WEIGHTS, strict=False))
    return ALPHABET[-total % 31]


def organisation_check(body: str) -> str:
    """Compute the check character of an 8-character organisation code (GB 11714: 11 − Σ mod 11)."""
    total = sum(_ORG_ALPHABET.index(char) * weight for char, weight in zip(body, _ORG_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def tax_id_problem(code: str) -> str | None:
    """Say what is wrong with a Chinese tax id of 15 to 20 characters, or None.

    Eighteen characters are checked as a 统一社会信用代码 unless they form a valid identity number.
    Codes: "length", "alphabet", and those of `problem`.
    """
    code = normalise(code)
    if not 15 <= len(code) <= 20:
        return "length"
    if not _TAX_ID.fullmatch(code):
        return "alphabet"
    if len(code) == 18 and code[0] in _DEPARTMENTS and not _is_identity_number(code):
        return problem(code)
    return None


def _is_identity_number(code: str) -> bool:
    if not (code[:17].isdigit() and "1900" <= code[6:10] <= "2099"):
        return False
    if not ("01" <= code[10:12] <= "12" and "01" <= code[12:14] <= "31"):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code[:17], _ID_WEIGHTS, strict=True))
    return code[17] == "10X98765432"[total % 11]


def tw_problem(code: str) -> str | None:
    """Say what is wrong with a Taiwan 統一編號: "length", "alphabet", "check_digit", or None."""
    code = normalise(code)
    if len(code) != 8:
        return "length"
    if not _EIGHT_DIGITS.fullmatch(code):
        return "alphabet"
    products = [int(digit) * weight for digit, weight in zip(code, _TW_WEIGHTS, strict=True)]
    total = sum(product // 10 + product % 10 for product in products)
    # 7 × 4 = 28 → 2 + 8 = 10, which the rule allows to count as 1 or as 0.
    valid = total % 5 == 0 or (code[6] == "7" and (total + 1) % 5 == 0)
    return None if valid else "check_digit"


def hk_br_problem(code: str) -> str | None:
    """Say what is wrong with a Hong Kong business registration number (8 digits, no check digit)."""
    code = normalise(code)
    if len(code) != 8:
        return "length"
    return None if _EIGHT_DIGITS.fullmatch(code) else "alphabet"
