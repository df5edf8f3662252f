"""Read single cells as people write them: amounts, percents, yes and no, choices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from zhike.base import amount

from .folding import fold, fold_bare
from .model import Cell

_YES_WORDS = ("是", "有", "对", "真", "y", "yes", "true", "t", "1", "on", "已", "✓", "✔", "√", "☑")
_NO_WORDS = (
    "否",
    "无",
    "没有",
    "不",
    "不是",
    "错",
    "假",
    "n",
    "no",
    "false",
    "f",
    "0",
    "off",
    "未",
    "x",
    "×",
    "✗",
    "✘",
    "☐",
)
_YES = frozenset(fold(word) or word for word in _YES_WORDS)
_NO = frozenset(fold(word) or word for word in _NO_WORDS)
_CURRENCY_NAMES = {
    "CNY": "¥ ￥ 元 rmb cny 人民币 圆 块",
    "USD": "$ us$ usd 美元 美金",
    "EUR": "€ eur 欧元",
    "GBP": "£ gbp 英镑",
    "HKD": "hk$ hkd 港币 港元",
    "TWD": "nt$ twd 台币 新台币",
    "JPY": "jpy 日元",
}
_CURRENCIES = {name: code for code, names in _CURRENCY_NAMES.items() for name in names.split()}
_SIGNS = "|".join(sorted(map(re.escape, _CURRENCIES), key=len, reverse=True))
_CURRENCY = re.compile(rf"^[-(]?\s*(?P<before>{_SIGNS})|(?P<after>{_SIGNS})(?=(?:整|正)?\)?$)")


class CellValueError(ValueError):
    """A cell that cannot be read as asked; `code` is not_a_number, not_a_choice, not_yes_or_no."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text[:100]


def _narrow(text: str) -> str:
    return re.sub(r"[\s_']", "", unicodedata.normalize("NFKC", text)).casefold()


def blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip(" \t\r\n\u3000\u00a0"))


def money(cell: Cell) -> tuple[Decimal, str | None]:
    """Amount and, when it is written, the currency: "¥1,234.50元" is 1234.50 CNY, "1.2万" is 12000.

    Amounts in brackets are negative. Raises CellValueError not_a_number.
    """
    if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        return Decimal(cell), None
    text = _narrow(str(cell or "")).removeprefix("约")
    found = _CURRENCY.search(text)
    currency = None
    if found:
        name = found.lastgroup or ""
        currency = _CURRENCIES[found[name]]
        text = text[: found.start(name)] + text[found.end(name) :]
    value = amount.parse(text)
    if value is None:
        raise CellValueError("not_a_number", str(cell))
    return value, currency


def number(cell: Cell) -> Decimal:
    """A number with or without grouping commas and units; raises CellValueError not_a_number."""
    return money(cell)[0]


def percent(cell: Cell) -> Decimal:
    """Percents: "12.5%", 0.125 from a percent-formatted cell and "12.5" are all 12.5.

    A number between -1 and 1 that is no text is taken for a fraction, as spreadsheets store percents.
    """
    if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        value = Decimal(cell)
        return value * 100 if isinstance(cell, Decimal) and -1 < value < 1 else value
    text = _narrow(str(cell or ""))
    try:
        return Decimal(text.rstrip("%").replace("百分之", ""))
    except InvalidOperation:
        raise CellValueError("not_a_number", str(cell)) from None


def boolean(cell: Cell) -> bool:
    """Yes or no in either language, ticks and crosses; raises CellValueError not_yes_or_no."""
    if isinstance(cell, bool):
        return cell
    text = str("" if cell is None else cell).strip()
    folded = fold(text) or text
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise CellValueError("not_yes_or_no", text)


def match_choice(text: Cell, choices: Mapping[str, Sequence[str]]) -> str | None:
    """The key whose own name or one of whose labels (all languages) the text is, folded; else None.

    `choices` maps a key to its labels. A text that fits two keys fits none.
    """
    if blank(text):
        return None
    raw = str(text).strip()
    for folded in (fold(raw) or raw, fold_bare(raw)):
        found = {key for key, labels in choices.items() if folded in {fold(name) or name for name in (key, *labels)}}
        if len(found) == 1:
            return found.pop()
    return None


def unmatched(values: Sequence[Cell], choices: Mapping[str, Sequence[str]]) -> list[str]:
    """Distinct texts that match no choice, in the order met, for the value mapping."""
    texts = dict.fromkeys(str(value).strip() for value in values if not blank(value))
    return [text for text in texts if match_choice(text, choices) is None]


def labelled_amount(text: Cell, label: str) -> Decimal | None:
    """An amount inside a remark, after its label: "累计4单,金额5236.924元" with 金额 is 5236.924."""
    found = re.search(re.escape(label) + r"\s*[:：为是]?\s*([¥￥$]?[\d,]+(?:\.\d+)?\s*[万亿]?)", str(text or ""))
    return money(found[1])[0] if found else None
