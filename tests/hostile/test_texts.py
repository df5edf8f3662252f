"""Hostile texts: nothing of them runs, and what is written to a file comes back the same."""

from __future__ import annotations

import csv
import html.parser
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import texts
from tests.hostile.items import Item, sampled
from tests.hostile.test_uploads import check_download, send
from zhike.engine import records, richtext
from zhike.engine.entity import get
from zhike.engine.errors import Wrong
from zhike.engine.kinds import RichText
from zhike.engine.models import StoredFile
from zhike.engine.tabular import TabularError, read
from zhike.engine.tabular.messages import message
from zhike.engine.tabular.write import write_csv, write_xlsx

ALLOWED = {"p", "br", "b", "strong", "i", "em", "u", "s", "ul", "ol", "li", "blockquote", "a", "h2", "h3", "h4"} | {
    "code", "pre", "hr", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
LINK = re.compile(r"https?://[^/@\\]+(?:/.*)?|mailto:[^?@/]+@[^?@/]+|tel:[+0-9 ().,;*#-]+")


class Found(html.parser.HTMLParser):
    """Every tag and attribute that is left, read by another parser than the one that cleaned."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ALLOWED or (given and tag != "a"):
            self.wrong.append(f"{tag} {attrs}")
        elif given:
            href = given.pop("href", None)
            if given != {"rel": "noopener noreferrer nofollow"} or (href is not None and not LINK.fullmatch(href)):
                self.wrong.append(f"{tag} {attrs}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"declaration {decl}")


@pytest.mark.parametrize("text", sampled(texts.formatted(), 50))
def test_formatted_text_is_harmless(text: str) -> None:
    start = time.monotonic()
    kept = richtext.clean(text)
    assert Found(kept).wrong == []
    assert richtext.clean(kept) == kept
    shown = str(richtext.render(text))  # what came in past the write path is cleaned on the way out too
    assert shown.startswith('<div class="prose" hx-disable>')
    inner = shown.removeprefix('<div class="prose" hx-disable>').removesuffix("</div>")
    assert Found(inner).wrong == []
    assert time.monotonic() - start < 2


def test_honest_formatted_text_stays() -> None:
    link = '<a href="{}" rel="noopener noreferrer nofollow">x</a>'
    text = "<h2>标题</h2><p><b>重点</b><br><i>x</i></p><ul><li>一</li></ul>"
    text += "<table><tbody><tr><td>1</td></tr></tbody></table>"
    for address in (
        "https://例子.cn/a?b=1&amp;c=2#d",
        "http://a.example:8080",
        "mailto:li@firm.cn",
        "tel:+86 21 6000-1234",
    ):
        assert richtext.clean(text + link.format(address)) == text + link.format(address)
    assert richtext.plain("<p>a &amp; b</p><p>c<br>d</p>") == "a & b\nc\nd"


def test_formatted_text_has_an_end() -> None:
    with pytest.raises(Wrong):
        richtext.clean("x" * (richtext.LENGTH + 1))
    with pytest.raises(Wrong):
        RichText().clean(None, "<p><b>" * (richtext.LENGTH // 6))  # type: ignore[arg-type]  # the field is not asked


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_cells_do_not_run_and_come_back(write: Any, tmp_path: Path) -> None:
    path, given = tmp_path / f"out.{write.__name__[6:]}", texts.cells()
    write(path, ["公司名称", *given[:40]], ([f"客户{n}", text] for n, text in enumerate(given)))
    with read(path) as table:
        assert [cells[1] for _, cells in table.rows()] == given


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_program_computes_a_csv(separator: str, tmp_path: Path) -> None:
    given = texts.cells()
    write_csv(tmp_path / "out.csv", ["名称", "备注"], ([f"客户{n}", text] for n, text in enumerate(given)))
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        found = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
    assert len(found) > len(given)
    assert [cell for cell in found if re.match(r"[\s\u200b\ufeff]*[=@＝＠﹦﹫]|[+-]\S", cell)] == []


@pytest.mark.parametrize("item", sampled([*texts.encodings(), *texts.cards()], 60))
def test_files_of_rows(item: Item, tmp_path: Path) -> None:
    path = tmp_path / item.name
    path.write_bytes(item.make())
    start = time.monotonic()
    code, rows = outcome(path)
    assert time.monotonic() - start <= 12
    assert code != "reader_died"
    assert [cell for cells in rows for cell in cells if isinstance(cell, str) and "\x00" in cell] == []


def outcome(path: Path) -> tuple[str, list[list[Any]]]:
    """Why the file was refused, or its rows."""
    try:
        with read(path) as table:
            rows = [cells for _, cells in table.rows()]
            return ("" if len(rows) == table.row_count else "lost"), rows
    except TabularError as error:
        return (error.code if str(message(error)) else "silent"), []


@pytest.mark.parametrize("item", sampled([*texts.encodings()[::4], *texts.cards()], 16))
def test_texts_as_uploads(firm: Any, settings: Any, tmp_path: Path, item: Item) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    made = records.create(firm.actor("seller"), get("account"), {"name": "甲公司"})
    client, data = firm.client("seller"), item.make()
    answer = send(client, f"/account/{made.pk}/files", item.name, data)
    assert answer.status_code in (303, 422)
    stored = StoredFile.objects.first()
    assert (stored is None) == (answer.status_code == 422)
    assert stored is None or check_download(client, stored) == data


def test_the_corpus_is_as_large_as_it_says() -> None:
    sizes = [len(texts.formatted()), len(texts.cells()), len(texts.encodings()), len(texts.cards())]
    assert [size >= least for size, least in zip(sizes, (140, 60, 60, 60), strict=True)] == [True] * 4
