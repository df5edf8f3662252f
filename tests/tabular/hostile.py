"""Hostile and broken files, made on the spot; nothing of the kind is kept in the repository."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import xlsxwriter

SHEET_HEAD = b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    page = book.add_worksheet("客户")
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            page.write(row, column, cell)
    book.close()
    return path


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def with_sheet(path: Path, sheet: bytes, *, strings: bytes | None = None) -> Path:
    """A valid workbook whose first sheet is replaced by other XML."""
    contents = parts(workbook(path, [["姓名", "手机"], ["张三", "13800000000"]]))
    contents["xl/worksheets/sheet1.xml"] = sheet
    if strings is not None:
        contents["xl/sharedStrings.xml"] = strings
    return pack(path, contents)


def sheet_xml(rows: bytes, dimension: bytes = b"A1:B2") -> bytes:
    return SHEET_HEAD + b'<dimension ref="' + dimension + b'"/><sheetData>' + rows + b"</sheetData></worksheet>"


def text_cell(ref: str, text: bytes = b"x") -> bytes:
    return b'<c r="' + ref.encode() + b'" t="inlineStr"><is><t>' + text + b"</t></is></c>"


def far_cell(path: Path) -> Path:
    """1.5 KB naming the last cell of the largest sheet."""
    rows = b'<row r="1">' + text_cell("A1") + b'</row><row r="1048576">' + text_cell("XFD1048576") + b"</row>"
    return with_sheet(path, sheet_xml(rows, b"A1:XFD1048576"))


def far_dimension(path: Path) -> Path:
    """Only the dimension names the last cell; the rows are honest."""
    rows = b"".join(
        f'<row r="{number}">'.encode() + text_cell(f"A{number}", b"a%d" % number) + text_cell(f"B{number}") + b"</row>"
        for number in range(1, 4)
    )
    return with_sheet(path, sheet_xml(rows, b"A1:XFD1048576"))


def sparse(path: Path) -> Path:
    """Within the row and column limits, but 60 million places apart."""
    rows = b'<row r="1">' + text_cell("A1") + b'</row><row r="199999">' + text_cell("KN199999") + b"</row>"
    return with_sheet(path, sheet_xml(rows))


def long_cell(path: Path, size: int) -> Path:
    strings = (
        b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<si><t>" + b"A" * size + b"</t></si></sst>"
    )
    rows = b'<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    return with_sheet(path, sheet_xml(rows), strings=strings)


def many_rows(path: Path, count: int, *, numbered: bool = True, filled: bool = True) -> Path:
    value = b"<v>1</v></c>" if filled else b""
    rows = bytearray()
    for number in range(1, count + 1):
        ref = f' r="A{number}"' if numbered else ""
        cell = f'<c{ref} s="0">'.encode() + value if filled else f'<c{ref} s="0"/>'.encode()
        rows += (f'<row r="{number}">' if numbered else "<row>").encode() + cell + b"</row>"
    return with_sheet(path, sheet_xml(bytes(rows)))


def many_entries(path: Path, count: int) -> Path:
    contents = parts(workbook(path, [["姓名"], ["张三"]]))
    contents |= {f"xl/media/{number}.bin": b"x" for number in range(count)}
    return pack(path, contents)


def media_bomb(path: Path, size: int) -> Path:
    contents = parts(workbook(path, [["姓名"], ["张三"]]))
    contents["xl/media/image.bin"] = b"\x00" * size
    return pack(path, contents)


def lying_sizes(path: Path, size: int) -> Path:
    """The directory claims that a huge entry unpacks to 100 bytes."""
    media_bomb(path, size)
    data = bytearray(path.read_bytes())
    for magic, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = 0
        while (start := data.find(magic, start)) >= 0:
            (unpacked,) = struct.unpack_from("<I", data, start + place)
            if unpacked == size:
                struct.pack_into("<I", data, start + place, 100)
            start += 4
    path.write_bytes(data)
    return path


def overlapping(path: Path, count: int) -> Path:
    """Many directory entries that all point at one compressed kernel."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(b"\x00" * 1_000_000) + kernel.flush()
    crc = zlib.crc32(b"\x00" * 1_000_000)
    name = b"xl/workbook.xml"
    file = io.BytesIO()
    file.write(struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(packed), 1_000_000, len(name), 0))
    file.write(name + packed)
    start = file.tell()
    for number in range(count):
        entry = name if not number else f"xl/worksheets/sheet{number}.xml".encode()
        file.write(
            struct.pack(
                "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, crc, len(packed), 1_000_000,
                len(entry), 0, 0, 0, 0, 0, 0,
            )
        )  # fmt: skip
        file.write(entry)
    end = file.tell()
    file.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, end - start, start, 0))
    path.write_bytes(file.getvalue())
    return path


def entities(path: Path) -> Path:
    """Billion laughs and an outside entity in the shared strings."""
    levels = b"".join(b'<!ENTITY l%d "%s">' % (number, b"&l%d;" % (number - 1) * 10) for number in range(1, 10))
    strings = (
        b'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY l0 "lol">'
        + levels
        + b'<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&l9;&x;</t></si></sst>'
    )
    rows = b'<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    return with_sheet(path, sheet_xml(rows), strings=strings)


def encrypted(path: Path) -> Path:
    """What an xlsx with a password looks like from outside: an OLE file with this stream."""
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 1016 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 512
    )
    return path
