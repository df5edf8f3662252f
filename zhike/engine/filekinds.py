"""What an upload is, by its content alone, and the endings it may carry; no Django here, the confined child reads it.

Order of the looks: containers (zip, OLE) by what lies in them, then text by decoding, then signatures.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import filetype

from .tabular import TabularError, encoding

MiB = 1024 * 1024
HEAD = 8_192
ENTRIES = 2_000


class Refused(Exception):
    """A file that is not taken; `code` is empty, program, unknown, heic, password or one of the pictures' codes."""

    def __init__(self, code: str, **params: int | str) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, int | str] = params


class Found(NamedTuple):
    """The kind of a file, and the endings that fit it; the first one is given to files with another ending."""

    kind: str
    endings: tuple[str, ...]


def _kinds(text: str) -> dict[str, Found]:
    rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: Found(row[0], tuple(row[1:])) for row in rows}


PICTURES = _kinds("""
jpg jpg jpeg jpe jfif
png png apng
gif gif
webp webp
bmp png
tif tif tiff
avif avif
""")
# A program does not become harmless by a name; everything here is a document, a recording or an archive.
KINDS = PICTURES | _kinds("""
pdf pdf ai
rtf rtf
doc doc dot wps
xls xls xlt et
ppt ppt pps dps
vsd vsd
msg msg
docx docx
docm docm
sealed docx xlsx pptx doc xls ppt docm xlsm pptm
xlsx xlsx
xlsm xlsm
xlsb xlsb
pptx pptx ppsx
pptm pptm
odt odt
ods ods
odp odp
ofd ofd
zip zip
rar rar
7z 7z
gz gz tgz
mp3 mp3
m4a m4a
wav wav
amr amr
aac aac
3gp 3gp 3gpp
ogg ogg oga
mp4 mp4 m4v
mov mov
webm webm mkv
dwg dwg
html html htm mht mhtml
svg svg
xml xml
vcf vcf vcard
ics ics
eml eml mbox
text txt text csv tsv md markdown log json jsonl ndjson yaml yml ini tex srt dxf step stp igs iges
""")
ALIASES = {"tiff": "tif", "mkv": "webm", "m4v": "mp4", "jpx": "", "xcf": "", "ico": ""}
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa", b"\x00asm", b"dex\n")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMS = {
    "WordDocument": "doc",
    "Workbook": "xls",
    "Book": "xls",
    "PowerPoint Document": "ppt",
    "VisioDocument": "vsd",
    "__properties_version1.0": "msg",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|script|iframe|object|embed|style|link|meta|base|form|img|a|div|table|svg|math)"
    r"[\s/>]",
    re.IGNORECASE,
)
_SVG = re.compile(r"<(?:\w+:)?svg[\s/>]", re.IGNORECASE)
_MAIL = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}")
_MAIL_NAMES = re.compile(r"^(?:From|Received|Return-Path|MIME-Version|Message-ID):", re.IGNORECASE | re.MULTILINE)


def look(path: Path) -> Found:
    """The kind of a file; raises Refused when it is none that is taken."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refused("empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return KINDS[_zip(path)]
    if head.startswith(_OLE):
        return KINDS[_ole(path)]
    if head.startswith(b"%PDF-"):
        return KINDS["pdf"]
    if head.startswith(b"{\\rtf"):
        return KINDS["rtf"]
    text = _text(path, head)
    return KINDS[_texts(text)] if text is not None else KINDS[_binary(head)]


def _zip(path: Path) -> str:
    """Archives are named by their list of contents and never unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()[:ENTRIES]]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError):
        return "zip"
    known = set(names)
    if "OFD.xml" in known:
        return "ofd"
    if "content.xml" in known and "mimetype" in known:
        return _open_document(path)
    if "[Content_Types].xml" in known:
        return _office(names)
    return "zip"


def _office(names: list[str]) -> str:
    macros = any(name.lower().endswith("vbaproject.bin") for name in names)
    if "xl/workbook.bin" in names:
        return "xlsb"
    for folder, plain, live in (("word/", "docx", "docm"), ("xl/", "xlsx", "xlsm"), ("ppt/", "pptx", "pptm")):
        if any(name.startswith(folder) for name in names):
            return live if macros else plain
    return "zip"


def _open_document(path: Path) -> str:
    with zipfile.ZipFile(path) as archive, archive.open("mimetype") as file:
        kind = file.read(100).rpartition(b".")[2]
    return {b"text": "odt", b"spreadsheet": "ods", b"presentation": "odp"}.get(kind, "zip")


def _ole(path: Path) -> str:
    """Office files before 2007; a program's installer has the same container and is refused."""
    data = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "sealed"
    for name, kind in _STREAMS.items():
        if name.encode("utf-16-le") in data:
            return kind
    raise Refused("unknown")


def _text(path: Path, head: bytes) -> str | None:
    """The beginning of a file that is text from end to end, else nothing."""
    if _looks_binary(head):
        return None
    try:
        codec = encoding.detect(path)
    except TabularError:
        return None
    text = head.decode(codec, "ignore")
    return None if len(_CONTROL.findall(text)) > len(text) // 200 else text


def _looks_binary(head: bytes) -> bool:
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" not in head
    return not wide and head.count(b"\x00") < len(head) // 5


def _texts(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n")
    low = start[:20].lower()
    if low.startswith("begin:vcard"):
        return "vcf"
    if low.startswith("begin:vcalendar"):
        return "ics"
    if _MAIL.match(start.replace("\r\n", "\n")) and _MAIL_NAMES.search(start):
        return "eml"
    if start.startswith("<") or _HTML.search(start):
        if _SVG.search(start) and not re.search(r"<(?:!doctype\s+)?html[\s>]", start, re.IGNORECASE):
            return "svg"
        return "html" if _HTML.search(start) else "xml"
    return "text"


def _binary(head: bytes) -> str:
    if head.startswith(_PROGRAMS):
        raise Refused("program")
    guessed = filetype.guess(head)
    found = str(guessed.extension) if guessed else ""
    if found in ("heic", "heif"):
        raise Refused("heic")
    if found in ("exe", "elf", "swf", "crx", "deb", "rpm", "com", "msi", "nes", "class", "wasm"):
        raise Refused("program")
    found = ALIASES.get(found, found)
    if found == "" and head.startswith(b"\x1a\x45\xdf\xa3"):
        found = "webm"
    if found == "" and head[4:10] == b"ftyp3g":  # recordings of phones
        found = "3gp"
    if found not in KINDS:
        raise Refused("unknown")
    return found
