"""Find the encoding of a text file without being told.

Every candidate must decode strictly; among those the one whose characters are the most
common in written Chinese wins.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .errors import TabularError

SAMPLE = 256 * 1024
CHUNK = 1024 * 1024

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The most frequent characters of Chinese prose and of business lists, both scripts.
FREQUENT = frozenset(
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天"
    "而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但"
    "身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电"
    "四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市县区路号街省南京广州深圳上海"
    "客户公司联系电话手机邮箱地址名称有限责任股份集团企业单位类型状态来源负责行业备注金额日期销售订单编号城市"
    "這個們為時會過學對後沒還發當無開經頭見從動兩長現將進實點種聲話兒問機給幾業間電門東氣關內產萬縣區號廣"
    "客戶聯繫聯絡郵箱稱責團單類態來負備註額銷訂編區價報員務項級總統計資訊續讀寫應變質"
)
# Code points outside those: (first, last, points).
_RANGES = (
    (0xFF00, 0xFF5E, 0.8),
    (0x3000, 0x303F, 0.8),
    (0x00C0, 0x024F, 0.3),
    (0x4E00, 0x9FFF, -0.2),
    (0xE000, 0xF8FF, -3.0),
    (0x0080, 0x009F, -3.0),
    (0xFFFD, 0xFFFD, -3.0),
)
_PUNCTUATION = frozenset("，。、；：？！（）【】《》“”‘’—…·￥¥　「」『』％／－＋＝℃№①②③④⑤")


def _common(codec: str, leads: range, trails: list[int]) -> frozenset[str]:
    found = []
    for lead in leads:
        for trail in trails:
            try:
                found.append(bytes((lead, trail)).decode(codec))
            except UnicodeDecodeError:
                continue
    return frozenset(found)


# First level of GB/T 2312 and of Big5: the characters both standards hold to be in daily use.
LEVEL_ONE = _common("gb2312", range(0xB0, 0xD8), list(range(0xA1, 0xFF))) | _common(
    "big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
)


def _euro(error: UnicodeError) -> tuple[str, int]:
    """Windows writes the euro sign as the single byte 0x80 in its GBK."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    raise error


codecs.register_error("zhike-euro", _euro)


def errors_for(encoding: str) -> str:
    """The error handler to open a file of this encoding with."""
    return "zhike-euro" if encoding in ("gb18030", "gbk") else "strict"


def plausibility(text: str) -> float:
    """How much a decoded sample looks like text that people write: about 0 to 2, may be negative."""
    points, count = 0.0, 0
    for char in text:
        if char < "\x80":
            if char < " " and char not in "\t\r\n\x1c":
                points, count = points - 3, count + 1
            continue
        count += 1
        points += _weight(char)
    return points / count if count else 1.0


def _weight(char: str) -> float:
    if char in FREQUENT:
        return 2.0
    if char in LEVEL_ONE or char in _PUNCTUATION:
        return 1.0
    code = ord(char)
    for first, last, weight in _RANGES:
        if first <= code <= last:
            return weight
    return -0.6


def _decode_sample(sample: bytes, encoding: str, *, whole: bool) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)(errors_for(encoding))
    try:
        return decoder.decode(sample, final=whole)
    except UnicodeDecodeError:
        return None


def _candidates(sample: bytes) -> list[str]:
    names = ["utf-8", "gb18030", "cp950", "big5hkscs", "cp1252"]
    if b"\x00" in sample:
        names = ["utf-16-le", "utf-16-be", *names]
    return names


def _looks_double_byte(text: str, other: str | None) -> bool:
    """Valid UTF-8 that is in truth a short GBK text: only two-byte letters, none inside a word."""
    if other is None or any(ord(char) > 0x7FF for char in text):
        return False
    if re.search("[A-Za-z][\x80-\u07ff]|[\x80-\u07ff][A-Za-z]", text):
        return False
    high = [char for char in other if char >= "\x80"]
    return bool(high) and all(char in LEVEL_ONE or char in _PUNCTUATION for char in high)


def rank(sample: bytes, *, whole: bool = False) -> list[str]:
    """Encodings in which the sample can be read, most plausible first (no BOM considered)."""
    texts = {name: _decode_sample(sample, name, whole=whole) for name in _candidates(sample)}
    scores: dict[str, float] = {}
    for name, text in texts.items():
        if text is not None:
            scores[name] = plausibility(text)
    utf8 = texts["utf-8"]
    if utf8 is not None and "\x00" not in utf8[:2000]:
        fooled = _looks_double_byte(utf8, texts["gb18030"])
        scores["utf-8"] = scores["utf-8"] if fooled else 9.0
    order = list(texts)
    # cp1252 decodes nearly everything: it is the last resort, not a rival.
    return sorted(scores, key=lambda name: (name == "cp1252", -scores[name], order.index(name)))


def _wide(sample: bytes) -> list[str]:
    """UTF-16 without any ASCII sign has no NUL to tell it by: it is tried when nothing else fits."""
    texts = {name: _decode_sample(sample, name, whole=True) for name in ("utf-16-le", "utf-16-be")}
    return [name for name, text in texts.items() if text and plausibility(text) >= 0.8]


def detect(path: Path) -> str:
    """The Python codec name to open the file with; raises undecodable with the line."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    for bom, name in BOMS:
        if sample.startswith(bom):
            _check(path, name)
            return name
    ranked = rank(sample, whole=len(sample) < SAMPLE)
    failure: TabularError | None = None
    for name in ranked or ["utf-8", *_wide(sample)]:
        try:
            _check(path, name)
        except TabularError as error:
            failure = failure or error
            continue
        if failure and name == "cp1252":
            break
        return name
    raise failure or TabularError("undecodable", line=1, encoding="utf-8")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _check(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors_for(encoding))
    line = 1
    for chunk in chain(_chunks(path), [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise TabularError("undecodable", line=line, encoding=label(encoding)) from None
        line += text.count("\n")


def label(encoding: str) -> str:
    """The name people know an encoding by."""
    return {
        "utf-8-sig": "UTF-8 (BOM)",
        "gb18030": "GB18030",
        "cp950": "Big5",
        "big5hkscs": "Big5",
        "cp1252": "Windows-1252",
    }.get(encoding, encoding.upper())
