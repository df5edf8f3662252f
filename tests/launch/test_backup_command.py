"""`zhike backup` and `zhike restore` as a person runs them, from one data folder into another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zhike.launch.paths import CODE


def zhike(home: Path, *words: str | Path, expected: int = 0) -> str:
    """What a command said on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "zhike", *map(str, words)],
        check=False,
        cwd=CODE,
        env={**os.environ, "ZHIKE_HOME": str(home), "ZHIKE_LANG": "en", "ZHIKE_NEW_PASSWORD": "a-good-one-for-a-test"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
def test_an_installation_moves_to_another_folder(home: Path, seed: Path) -> None:
    zhike(home, "migrate")
    (home / "files" / "files").mkdir(parents=True)
    (home / "files" / "files" / "合同.pdf").write_bytes(b"%PDF-1.7")
    key = home / "key"
    public = zhike(home, "backup", "key", "--out", key).splitlines()[0]
    assert key.stat().st_mode & 0o777 == 0o600
    said = zhike(home, "backup", "--recipient", public)
    assert "not encrypted" not in said
    (made,) = json.loads(zhike(home, "backup", "list", "--json"))
    assert made["encrypted"] is True
    assert "--key" in zhike(home, "backup", "drill", expected=1)
    assert "can be restored" in zhike(home, "backup", "drill", "--key", key)
    assert "holds a firm already" in zhike(home, "restore", made["place"], "--key", key, expected=1)

    other = home.with_name("另一处 data")
    other.mkdir()
    subprocess.run(["cp", "-a", str(seed), str(other / "postgres")], check=True)
    assert "Restored" in zhike(other, "restore", made["place"], "--key", key)
    assert (other / "files" / "files" / "合同.pdf").read_bytes() == b"%PDF-1.7"
    assert (other / "secret_key").read_text("ascii") == (home / "secret_key").read_text("ascii")
    again, _end = json.JSONDecoder().raw_decode(zhike(other, "backup", "--json"))
    assert again["rows"] >= made["rows"]  # one more migration may have been noted
    assert "The tables are up to date (0 steps applied)." in zhike(other, "migrate")
