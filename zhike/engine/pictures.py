"""Pictures are drawn anew: no metadata, no place, nothing appended, turned upright. Runs in the confined child."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence, TiffImagePlugin, UnidentifiedImageError

from .filekinds import Refused

FORMATS = {
    "jpg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "gif": ("GIF",),
    "webp": ("WEBP",),
    "bmp": ("BMP",),
    "tif": ("TIFF",),
    "avif": ("AVIF",),
}
ORIENTATION = 0x0112
TURNED_PIXELS = 24_000_000  # turning needs a second copy; a larger one keeps the number that says how to turn it
SLOW_PIXELS = 8_000_000  # beyond it WebP and AVIF take too long to write
PAGES = 300
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {"compress_level": 3}),
    "webp": ("WEBP", {"quality": 85}),
    "tif": ("TIFF", {"compression": "tiff_deflate"}),
}
BROKEN = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, ArithmeticError, AttributeError)


def redraw(source: Path, target: Path, kind: str, *, pixels: int) -> str:
    """Write the picture anew and give its kind; raises Refused, before unpacking any pixel when there are too many."""
    Image.MAX_IMAGE_PIXELS = pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(source, formats=FORMATS[kind]) as picture:
            frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
            _weigh(picture, kind, frames, pixels)
            if frames == 1:
                return _one(picture, target, kind)
            return _pages(picture, target) if kind == "tif" else _moving(picture, target, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("pixels", limit=pixels // 1_000_000) from None
    except UnidentifiedImageError:
        raise Refused("picture") from None
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise Refused("picture") from None


def _weigh(picture: Any, kind: str, frames: int, pixels: int) -> None:
    """Pages of a scan are drawn one after the other, the pictures of an animation are held together."""
    width, height = picture.size
    if width * height * (1 if kind == "tif" else frames) > pixels or frames > 10 * PAGES:
        raise Refused("pixels", limit=pixels // 1_000_000)
    if kind == "tif" and frames > PAGES:
        raise Refused("pages", limit=PAGES)


def _one(picture: Any, target: Path, kind: str) -> str:
    exif = _upright(picture)
    large = picture.width * picture.height > SLOW_PIXELS
    if kind in ("bmp", "avif") or (kind == "webp" and large):
        kind = "png" if kind == "bmp" or picture.has_transparency_data else "jpg"
    if kind == "jpg":
        _jpeg(picture, target, exif)
        return kind
    form, options = OPTIONS.get(kind, (kind.upper(), {}))
    _bare(picture).save(target, form, **options, **({"exif": exif} if exif else {}))
    return kind


def _upright(picture: Any) -> bytes:
    """Turn a picture as its camera held it; of a very large one, the number that says so is given back instead."""
    turn = picture.getexif().get(ORIENTATION, 1)
    picture.load()
    if turn not in range(2, 9):
        return b""
    if picture.width * picture.height <= TURNED_PIXELS:
        ImageOps.exif_transpose(picture, in_place=True)
        return b""
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    return exif.tobytes()


def _jpeg(picture: Any, target: Path, exif: bytes) -> None:
    """With the same tables of quality, so that a photograph loses nothing to speak of."""
    options: dict[str, Any] = {"quality": 90}
    if picture.format == "JPEG" and picture.mode in ("L", "RGB", "CMYK") and picture.quantization:
        options = {"qtables": picture.quantization, "subsampling": "keep"}
        picture.info = {}
    else:
        picture = _bare(picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB"))
    picture.save(target, "JPEG", exif=exif, **options)


def _bare(picture: Any) -> Any:
    """The same pixels without what came with them."""
    bare = Image.Image()._new(picture.im)
    transparency = picture.info.get("transparency")
    bare.info = {} if transparency is None else {"transparency": transparency}
    return bare


def _pages(picture: Any, target: Path) -> str:
    with TiffImagePlugin.AppendingTiffWriter(str(target), new=True) as writer:
        for page in ImageSequence.Iterator(picture):
            page.load()
            _bare(page).save(writer, "TIFF", compression="tiff_deflate")
            writer.newFrame()
    return "tif"


def _moving(picture: Any, target: Path, kind: str) -> str:
    """An animation keeps its pace; AVIF becomes WebP, which more programs show."""
    durations: list[int] = []

    def frames() -> Iterator[Any]:
        for frame in ImageSequence.Iterator(picture):
            frame.load()
            durations.append(int(frame.info.get("duration", 0)) or 100)
            bare = _bare(frame.copy())
            bare.info = {}
            yield bare if bare.mode in ("RGB", "RGBA") else bare.convert("RGBA")

    first, *others = list(frames())
    kind = "webp" if kind == "avif" else kind
    first.save(
        target, kind.upper(), save_all=True, append_images=others, duration=durations,
        loop=int(picture.info.get("loop", 0)),
    )  # fmt: skip
    return kind
