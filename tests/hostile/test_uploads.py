"""Each hostile file ends in a refusal with words, or as an inert download of a clean name, and nowhere else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.hostile import documents, pictures
from tests.hostile.items import MARK, Item, sampled
from zhike.engine import intake, records
from zhike.engine.entity import get
from zhike.engine.filekinds import KINDS
from zhike.engine.models import StoredFile

MiB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEMORY = 10, 300 * MiB
ENDINGS = {ending for found in KINDS.values() for ending in found.endings}
ITEMS = {
    "bombs": (pictures.bombs(), 10),
    "polyglots": (pictures.polyglots(), 12),
    "markup": (documents.markup(), 16),
    "entities": (documents.entities(), 8),
    "archives": (documents.archives(), 12),
    "mismatches": (documents.mismatches(), 14),
    "names": (documents.names(), 26),
}
BOUNDARY = "hostile-boundary-7d1c"
# The place in an EXIF, whose form alone remains: a picture of ours has none of it.
PLACE = b"\x25\x88"


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    """The media folder, two levels below a folder that must stay empty."""
    settings.MEDIA_ROOT = tmp_path / "guarded" / "media"
    return tmp_path


def send(client: Client, where: str, name: str, data: bytes) -> Any:
    """A form with a file as a hostile program would send it: the name goes out as it is."""
    shown = name.replace('"', "%22").encode("utf-8", "surrogatepass")
    body = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: image/png\r\n\r\n%b\r\n--%b--\r\n'  # noqa: E501
    edge = BOUNDARY.encode()
    return client.generic("POST", where, body % (edge, shown, data, edge), f"multipart/form-data; boundary={BOUNDARY}")


def check_name(name: str) -> None:
    assert name == name.strip(" .")
    assert 1 <= len(name) <= 170
    assert not re.search(r'[\\/:*?"<>|\r\n\x00]', name)
    assert [c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")] == []
    stem, _dot, ending = name.rpartition(".")
    assert ending in ENDINGS
    assert not re.search(r"\.(?:exe|php\d?|phar|js|bat|cmd|pdf|docx?|html?)(?:$|[ .])", stem, re.IGNORECASE)
    assert stem.lower() not in ("con", "nul", "prn", "aux", "com1", "lpt9")


def check_download(client: Client, stored: StoredFile) -> bytes:
    answer = client.get(f"/files/{stored.pk}")
    assert answer.status_code == 200
    found = {name: answer.headers.get(name) for name in ("Content-Type", "X-Content-Type-Options", "Cache-Control")}
    assert list(found.values()) == ["application/octet-stream", "nosniff", "no-store"]
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    said = answer["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename(?:=\"[^\"\r\n]*\"|\*=utf-8''[A-Za-z0-9%!#$&+.^_`|~-]+)", said), said
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("item", [p for items, count in ITEMS.values() for p in sampled(items, count)])
def test_uploads(firm: Any, media: Path, item: Item) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": "甲公司"})
    client, data = firm.client("seller"), item.make()
    start = time.monotonic()
    answer = send(client, f"/account/{made.pk}/files", item.name, data)
    seconds = time.monotonic() - start
    assert answer.status_code in (303, 422), answer.content.decode()[-2000:]
    stored = StoredFile.objects.first()
    assert (stored is None) == (answer.status_code == 422)
    assert item.end in ("", "kept" if stored else "refused"), re.findall(
        r'class="field-error[^<]*<?[^<]*', answer.content.decode()
    )
    assert seconds <= SECONDS + 2
    if stored is not None:
        check_name(stored.name)
        assert stored.name.endswith(f".{item.ending}" if item.ending else "")
        assert Path(stored.blob.path).name == str(stored.pk)
        kept = check_download(client, stored)
        if item.clean:
            assert [part for part in (MARK, b"<script", b"<?php", b"PK\x03\x04", PLACE) if part in kept] == []
        page = client.get(f"/account/{made.pk}")
        assert page.status_code == 200
        assert "<script>" not in page.content.decode()
    left = [path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()]
    assert left == ([f"guarded/media/{stored.blob.name}"] if stored else [])


MEASURE = """
import json, resource, sys, time
from pathlib import Path
from zhike.engine import confined
start = time.monotonic()
try:
    confined.run("zhike.engine.intake", sys.argv[1], folder=Path(sys.argv[2]), seconds=10)
    died = ""
except confined.Died as error:
    died = error.code
print(json.dumps([died, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, time.monotonic() - start]))
"""
HEAVY = [*pictures.bombs(), *documents.archives(), *documents.entities()[:8], *pictures.polyglots()[:6]]


@pytest.mark.parametrize("item", sampled(HEAVY, 24))
def test_memory_and_time(item: Item, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(item.make())
    paths = {name: str(tmp_path / name) for name in ("verdict", "fresh")}
    job = {"path": str(tmp_path / "in"), "pixels": 40_000_000, "seconds": SECONDS, **paths}
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@"', "sh", sys.executable, "-c", MEASURE, json.dumps(job), str(tmp_path)],
        capture_output=True, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
    )  # fmt: skip
    died, memory, seconds = json.loads(done.stdout)
    assert died in ("", "too_slow", "too_much_memory")
    assert memory <= MEMORY
    assert seconds <= SECONDS + 1


def test_the_corpus_is_as_large_as_it_says() -> None:
    sizes = {family: len(items) for family, (items, _count) in ITEMS.items()}
    least = {"bombs": 25, "polyglots": 30, "markup": 60, "entities": 30, "archives": 40, "mismatches": 30, "names": 40}
    assert {family: n for family, n in least.items() if sizes[family] < n} == {}
    assert sum(count for _items, count in ITEMS.values()) >= 90


def test_the_limits_are_those_of_the_product() -> None:
    from config import settings

    assert (25 * MiB, 40_000_000) == (settings.UPLOAD_LIMIT, settings.UPLOAD_PIXELS)
    assert intake.Job("", "", "", 0, 0).memory <= 400 * MiB
