"""Files as other programs wrote them: each is read as a second opinion read it, or refused with a reason.

The second opinion is `native/_reference_parse.json` of the data sets (icalendar, Python's email, xlrd, openpyxl). Needs
no database. A file that would crash the reader would end the bench.
"""

from __future__ import annotations

import csv
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import process_time
from typing import Any

from zhike.engine.tabular import Table, TabularError, read
from zhike.engine.tabular.encoding import detect, label

from . import Figure, Options, at_least, exact, pollock, within

MiB = 1024 * 1024
ROWS = 1_000_000
SPEED = "csv: rows read in a second of processor time"
HEADINGS = "客户编号,客户名称,客户类型,手机,邮箱,省份,城市,地址,负责人,累计金额,最近下单日期,备注"
# Where the second opinion is another one, and why; every other difference misses the goal.
OTHERWISE = {
    "ics/vobject/simple_3_0_test.ics": "a vCard under another name: its card is read",
    "ics/vobject/vcard_with_groups.ics": "the same",
    "ics/vobject/silly_test.ics": "no calendar: its lines are read as text",
    "ics/icalendar/calendars/big_bad_calendar.ics": "counted as none by the reference; its events are read",
    "ics/icalendar/calendars/pr_480_summary_with_colon.ics": "the same",
    "eml/mail-parser/mail_outlook_1": "a message of Outlook's own form, refused as a document",
}
Outcome = tuple[int | str, list[dict[str, Any]]]


def run(options: Options) -> list[Figure]:
    """A figure for each kind of file, Pollock's score, the cut-off record, encodings, and the speed of reading."""
    found: list[Figure] = []
    if options.get("data"):
        data = Path(options["data"])
        native = data / "native"
        known = json.loads((native / "_reference_parse.json").read_text("utf-8"))
        found += _calendars(native, known["ics"]["detail"])
        found += _cards(native, known["vcf"]["detail"])
        found += _mails(native, known["eml"]["detail"])
        found += _truth_of_mails(native / "eml" / "derived_zh")
        found += _workbooks(native, known["excel"]["detail"])
        found += _customers(native / "derived_zh_customers")
        found += _encodings(native / "encodings")
        found += _cut(data / "service" / "cfpb_complaints_sample")
        found += pollock.score(native / "csv" / "pollock_polluted")
    return found + list(_speed(int(options.get("rows") or ROWS)))


def outcome(path: Path) -> Outcome:
    """How many rows a file gives and the rows, or the code of the reason why it is refused."""
    try:
        with read(path) as table:
            return table.row_count, _rows(table)
    except TabularError as error:
        return error.code, []


def _rows(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.headers, cells, strict=True)) for _number, cells in table.rows()]


def _against(what: str, native: Path, expected: Mapping[str, int]) -> Iterator[Figure]:
    """Rows of each file beside what was expected: 0 stands for a refusal with a reason."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    others = []
    for name, rows in expected.items():
        got, _found = outcome(native / name)
        if got == rows or (rows == 0 and isinstance(got, str)):
            counts["read" if rows else "refused"] += 1
        elif name not in OTHERWISE:
            others.append(f"{name}: {got} for {rows}")
        if isinstance(got, str):
            reasons[got] += 1
    said = ", ".join(f"{code} {count}" for code, count in sorted(reasons.items()))
    yield exact(f"{what}: files unlike the reference", others, [])
    goal = sum(1 for rows in expected.values() if rows)
    known = sum(name in OTHERWISE for name, rows in expected.items() if rows)
    yield exact(f"{what}: files read ({len(expected)} in all; refused: {said or 'none'})", counts["read"], goal - known)


def _calendars(native: Path, known: Mapping[str, Any]) -> Iterator[Figure]:
    kinds = ("VEVENT", "VTODO", "VJOURNAL")
    counted = {name: sum(one.get(k, 0) for k in kinds) if isinstance(one, dict) else 0 for name, one in known.items()}
    yield from _against("calendars", native, counted)


def _cards(native: Path, known: Mapping[str, Any]) -> Iterator[Figure]:
    yield from _against("vCards", native, {name: one["begin"] for name, one in known.items()})


def _mails(native: Path, known: Mapping[str, Any]) -> Iterator[Figure]:
    refused, odd = [], []
    for name, one in known.items():
        got, rows = outcome(native / name)
        wanted = " ".join(str(one["subject"] or "").split())[:200].strip()
        if got != 1 and name not in OTHERWISE:
            refused.append(f"{name}: {got}")
        elif rows and (rows[0]["Subject"] or "") != wanted:
            odd.append(name)
    yield exact("mails: files that are not read as one mail", refused, [])
    same = len(known) - len(odd) - sum(name in OTHERWISE for name in known)
    yield at_least(f"mails: subjects as in the reference (others: {', '.join(odd)})", same, "mails", len(known), 125)


def _truth_of_mails(folder: Path) -> Iterator[Figure]:
    """Subject, sender, text and attachment of the Chinese mails, whose truth is known."""
    truth = json.loads((folder / "_truth.json").read_text("utf-8"))
    wrong = []
    for name, one in truth.items():
        _got, rows = outcome(folder / name)
        got = rows[0] if rows else {}
        wanted = {"Subject": one["subject"], "From": one["from_name"], "Attachments": one.get("attachment")}
        if "body" in one:
            wanted["Content"] = one["body"].replace("\r\n", "\n").strip()
        wrong += [f"{name}: {key}" for key, value in wanted.items() if got.get(key) != value]
    yield exact("Chinese mails: values unlike their truth", wrong, [])


def _workbooks(native: Path, known: Mapping[str, Any]) -> Iterator[Figure]:
    """No sheet gives more rows than it has below its headings; one without rows is refused."""
    wrong = []
    for name, sheets in known.items():
        got, _rows = outcome(native / name)
        most = max(rows for rows, _columns in sheets.values())
        if (isinstance(got, int) and got >= most) or (isinstance(got, str) and most > 3):
            wrong.append(f"{name}: {got} of {most}")
    yield exact(f"workbooks: unlike the reference, of {len(known)}", wrong, [])


def _customers(folder: Path) -> Iterator[Figure]:
    found = {path.name: outcome(path)[0] for path in sorted(folder.iterdir()) if not path.name.startswith("_")}
    yield exact("Chinese customers: files with 790 rows", sum(rows == 790 for rows in found.values()), len(found))


def _encodings(folder: Path) -> Iterator[Figure]:
    for script, name in (("GB2312", "GB18030"), ("Big5", "Big5")):
        files = sorted((folder / script).iterdir())
        yield exact(f"pages in {script} that are read", sum(label(detect(f)) == name for f in files), len(files))


def _cut(folder: Path) -> Iterator[Figure]:
    path = max(folder.glob("*.csv"), key=lambda one: one.stat().st_size)
    with read(path) as table:
        told = [(note.code, note.row) for note in table.notes if note.code == "record_cut"]
        yield exact("complaints: rows read, and where the cut-off one is told", [table.row_count, told], [
            2067, [("record_cut", 2069)],
        ])  # fmt: skip


def _speed(rows: int) -> Iterator[Figure]:
    """A csv of many customers to the rows kept for the import, beside Python's own parser on the same file.

    Both in seconds of processor time, which others on the machine do not lengthen.
    """
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        path = Path(folder) / "customers.csv"
        _write(path, rows)
        begun = process_time()
        with path.open(encoding="utf-8", newline="") as file:
            for _cells in csv.reader(file):
                pass
        bare = rows / (process_time() - begun)
        before = _children()
        with read(path, spool=Path(folder) / "spool") as table:
            spent, kept = _children() - before, table.row_count
        yield exact(f"csv of {rows:,} rows: rows kept", kept, rows)
        yield at_least(SPEED, rows / spent, "rows/s", bare, 100_000)
        yield within("csv: memory of the reading process", _peak(), "MiB", 300, 300)


def _children() -> float:
    """Seconds of processor time of the processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _peak() -> float:
    """MiB of the largest process that was started here."""
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MiB


def _write(path: Path, rows: int) -> None:
    dice = random.Random(5)  # noqa: S311 - the same file every time
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        file.write(HEADINGS + "\n")
        for n in range(rows):
            name = "".join(dice.choices("王李张刘陈杨赵黄周吴", k=2))
            day = f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}"
            note = f"备注, 第{n}条" if n % 5 == 0 else ""
            writer.writerow([
                f"C-{n:07d}", f"{name}科技有限公司{n}", "企业", f"138{n:08d}", f"u{n}@example.com", "广东", "深圳",
                f"南山区科技路{n % 999}号", "王小明", f"{n * 1.37:.2f}", day, note,
            ])  # fmt: skip
