"""Every test of rights can fail: each planted fault must turn the test red that is named for it.

`make test-long` plants them one by one in a copy of the source and prints the list with its result. Every change checks
that the list still fits the code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = ("zhike", "config", "tests", "conftest.py", "pyproject.toml", "frontend")
LEFT = shutil.ignore_patterns("node_modules", "__pycache__", "*.pyc", "var")


@dataclass(frozen=True)
class Fault:
    """One line made wrong, and the test that notices."""

    what: str
    file: str
    old: str
    new: str
    test: str

    def __str__(self) -> str:
        return self.what


FAULTS = [Fault(**f) for f in tomllib.loads((HERE / "faults.toml").read_text("utf-8"))["fault"]]


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 30
    assert len({f.what for f in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_the_list_fits_the_code(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text("utf-8").count(fault.old) == 1
    assert fault.old != fault.new
    file, _sep, name = fault.test.partition("::")
    assert re.search(rf"^def {re.escape(name.split('[')[0])}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source, to be broken."""
    place = tmp_path_factory.mktemp("planted") / "zhike"
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=LEFT)
        else:
            shutil.copy(source, place / name)
    return place


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_caught(copy: Path, fault: Fault, record_property: Callable[[str, object], None]) -> None:
    file = copy / fault.file
    text = file.read_text("utf-8")
    file.write_text(text.replace(fault.old, fault.new), "utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
        ran = subprocess.run(
            [*command, "-m", "long or not long", fault.test],
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    finally:
        file.write_text(text, "utf-8")
    caught = ran.returncode == 1 and " failed" in ran.stdout
    record_property("planted", f"{'caught' if caught else 'MISSED'}  {fault.what}  ({fault.test})")
    assert caught, ran.stdout[-3000:]
