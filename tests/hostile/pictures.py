"""Pictures that unpack to too much, carry what they should not, or are something else besides."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import partial
from typing import Any

from PIL import Image, PngImagePlugin

from tests.hostile.items import ALERT, MARK, Item

SCRIPT = f"<script>{ALERT}</script>".encode()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *, bits: int = 1, color: int = 0, rows: int | None = None, extra: bytes = b""
) -> bytes:
    """A PNG that claims a size and unpacks to `rows` of it."""
    line = 1 + (width * bits * {0: 1, 2: 3, 6: 4}[color] + 7) // 8
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(line)) for _row in range(rows if rows is not None else 1)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def saved(form: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    """An honest picture."""
    data = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(data, form, **options)
    return data.getvalue()


def gif(frames: int, width: int, height: int) -> bytes:
    """An animation of equal frames, each as large as the whole."""
    first = saved("GIF", (width, height), "L")
    head = first[: 13 + 3 * 2 ** ((first[10] & 7) + 1)]
    body = first[len(head) : -1]
    return head + body * frames + b";"


def jpeg_claiming(width: int, height: int) -> bytes:
    """A JPEG whose head names another size."""
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, place + 5, height, width)
    return bytes(data)


def claiming(form: str, width: int, height: int) -> bytes:
    """BMP, GIF, TIFF and WebP whose heads name another size."""
    data = bytearray(saved(form))
    if form == "BMP":
        struct.pack_into("<ii", data, 18, width, height)
    elif form == "GIF":
        struct.pack_into("<HH", data, 6, width, height)
    elif form == "TIFF":
        (place,) = struct.unpack_from("<I", data, 4)
        for n in range(struct.unpack_from("<H", data, place)[0]):
            if struct.unpack_from("<H", data, place + 2 + 12 * n)[0] in (256, 257):
                struct.pack_into("<HII", data, place + 4 + 12 * n, 4, 1, width)
    else:
        data[12:16] = b"VP8X"
        data[20:30] = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def tiff_loop() -> bytes:
    """A TIFF whose list of pages leads back to itself."""
    data = bytearray(saved("TIFF"))
    (place,) = struct.unpack_from("<I", data, 4)
    count = struct.unpack_from("<H", data, place)[0]
    struct.pack_into("<I", data, place + 2 + 12 * count, place)
    return bytes(data)


def apng(frames: int, width: int, height: int) -> bytes:
    data = io.BytesIO()
    pages = [Image.new("L", (width, height), n % 256) for n in range(frames)]
    pages[0].save(data, "PNG", save_all=True, append_images=pages[1:])
    return data.getvalue()


def text_bomb(kind: bytes, size: int) -> bytes:
    """A PNG with a packed text or colour profile that unpacks to `size` bytes."""
    return png(8, 8, rows=8, extra=chunk(kind, b"note\x00\x00" + zlib.compress(b"A" * size, 9)))


def bombs() -> list[Item]:
    """25 pictures that unpack to far more than they weigh."""
    made: list[tuple[str, str, Any, str]] = [
        ("png of 40 Mpx", "a.png", partial(png, 8_000, 5_000, rows=5_000), "kept"),
        ("png of 40 Mpx and a row", "a.png", partial(png, 8_000, 5_001, rows=5_001), "refused"),
        ("png of 400 Mpx", "a.png", partial(png, 20_000, 20_000, rows=20_000), "refused"),
        ("png in colour of 45 Mpx", "a.png", partial(png, 9_000, 5_000, bits=8, color=6, rows=500), "refused"),
        ("png claims 2^31", "a.png", partial(png, 2**31 - 1, 1, rows=1), "refused"),
        ("png claims a tower", "a.png", partial(png, 1, 2**31 - 1, rows=1), "refused"),
        ("png claims nothing", "a.png", partial(png, 0, 0), "refused"),
        ("png with 100 MB of text", "a.png", partial(text_bomb, b"zTXt", 100_000_000), ""),
        ("png with 200 MB of profile", "a.png", partial(text_bomb, b"iCCP", 200_000_000), ""),
        (
            "png with 100 MB of itxt",
            "a.png",
            lambda: png(8, 8, rows=8, extra=chunk(b"iTXt", b"n\0\1\0\0\0" + zlib.compress(bytes(10**8), 9))),
            "",
        ),
        ("gif of 3,000 frames", "a.gif", partial(gif, 3_000, 200, 200), "refused"),
        ("gif of 20,000 tiny frames", "a.gif", partial(gif, 20_000, 8, 8), "refused"),
        ("gif of 100 frames of 1 Mpx", "a.gif", partial(gif, 100, 1_000, 1_000), "refused"),
        ("gif of 30 frames", "a.gif", partial(gif, 30, 300, 200), "kept"),
        ("gif claims 65535", "a.gif", partial(claiming, "GIF", 65_535, 65_535), "refused"),
        ("apng of 200 frames of 1 Mpx", "a.png", partial(apng, 200, 1_000, 1_000), "refused"),
        ("jpeg claims 65535", "a.jpg", partial(jpeg_claiming, 65_535, 65_535), "refused"),
        ("jpeg claims 40 Mpx", "a.jpg", partial(jpeg_claiming, 8_000, 5_000), ""),
        ("bmp claims 30000", "a.bmp", partial(claiming, "BMP", 30_000, 30_000), "refused"),
        ("bmp claims less than nothing", "a.bmp", partial(claiming, "BMP", -30_000, 30_000), "refused"),
        ("tiff claims 100000", "a.tif", partial(claiming, "TIFF", 100_000, 100_000), "refused"),
        ("tiff in a circle", "a.tif", tiff_loop, ""),
        ("webp claims 16383", "a.webp", partial(claiming, "WEBP", 16_383, 16_383), "refused"),
        ("webp of 40 Mpx", "a.webp", partial(saved, "WEBP", (8_000, 5_000), method=0, quality=5), ""),
        ("avif of 40 Mpx", "a.avif", partial(saved, "AVIF", (8_000, 5_000), speed=10, quality=10), ""),
    ]
    return [Item("bomb", title, name, make, end) for title, name, make, end in made]


def exif() -> bytes:
    """A place, a camera and a thumbnail of another picture."""
    found = Image.Exif()
    found[0x010F] = MARK.decode()
    found[0x0112] = 6
    found[0x8825] = {1: "N", 2: (31.0, 14.0, 3.0), 3: "E", 4: (121.0, 28.0, 9.0)}
    return found.tobytes()


def noted() -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", MARK.decode())
    notes.add_itxt("XML:com.adobe.xmp", f"<x>{MARK.decode()}</x>")
    return saved("PNG", pnginfo=notes, exif=exif())


def archive(name: str = "payload.txt") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr(name, MARK)
    return data.getvalue()


def polyglots() -> list[Item]:
    """36 files that are two things at once, and pictures that carry more than a picture."""
    tails = {
        "script": SCRIPT,
        "page": b"<html><body onload=" + ALERT.encode() + b">" + MARK,
        "zip": archive(),
        "jar": archive("META-INF/MANIFEST.MF"),
        "php": b"<?php system($_GET['c']); /*" + MARK,
        "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app." + ALERT.encode() + b")>>>>" + MARK,
    }
    forms = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP"}
    found = [
        Item(
            "polyglot",
            f"{ending} and {title}",
            f"a.{ending}",
            partial(bytes, saved(form) + MARK + tail),
            "kept",
            "png" if ending == "bmp" else ending,
            clean=True,
        )
        for ending, form in forms.items()
        for title, tail in tails.items()
    ]
    found += [
        Item(
            "polyglot",
            "jpeg with a place",
            "a.jpg",
            lambda: saved("JPEG", exif=exif(), comment=MARK + SCRIPT),
            "kept",
            "jpg",
            clean=True,
        ),
        Item("polyglot", "png with notes", "a.png", noted, "kept", "png", clean=True),
        Item(
            "polyglot",
            "webp with a place",
            "a.webp",
            lambda: saved("WEBP", exif=exif(), xmp=MARK),
            "kept",
            "webp",
            clean=True,
        ),
        Item(
            "polyglot", "gif as script", "a.gif", lambda: b"GIF89a/*" + MARK + b"*/=1;" + ALERT.encode(), "kept", "txt"
        ),
        Item(
            "polyglot",
            "gif with a script for a size",
            "a.gif",
            lambda: saved("GIF").replace(b"GIF89a", b"GIF89a", 1)[:-1] + b"!\xfe\x0c" + MARK + b"\0;",
            "kept",
            "gif",
            clean=True,
        ),
        Item("polyglot", "pdf before a page", "a.html", lambda: b"%PDF-1.4\n" + SCRIPT, "kept", "pdf"),
    ]
    return found
