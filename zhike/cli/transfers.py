"""zhike import and zhike export."""

import argparse
import json
from contextlib import ExitStack
from gettext import gettext as _
from pathlib import Path
from types import TracebackType
from typing import Any

from zhike.cli.running import django_ready
from zhike.cli.show import Progress, result, say
from zhike.launch.errors import LaunchError

SHOWN = 20


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    take = commands.add_parser("import", help=_("take records in from a file"))
    take.add_argument(
        "entity", metavar="ENTITY",
        help=_("what the rows are, such as account, contact, lead or deal; all for linked tables in one go"),
    )  # fmt: skip
    take.add_argument(
        "file", metavar="FILE", type=Path, nargs="+",
        help=_("xlsx, xls, ods, csv, tsv, json, jsonl, vcf, ics, eml or mbox; of all also a zip, or several files"),
    )  # fmt: skip
    _person(take)
    take.add_argument("--sheet", help=_("sheet of a workbook (the first with rows)"))
    take.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="JSON|COLUMN=FIELD",
        help=_("how columns are read: JSON, a file of JSON, or COLUMN=FIELD; may be repeated"),
    )
    take.add_argument("--mode", choices=("create", "update", "both"), help=_("what may happen to records (both)"))
    take.add_argument("--match", help=_("fields by which a record is found again, with commas"))
    take.add_argument(
        "--part", action="append", default=[], metavar="TABLE=ENTITY",
        help=_("of all: what a sheet or file holds, nothing to leave it out; may be repeated (guessed)"),
    )  # fmt: skip
    take.add_argument("--anyway", action="store_true", help=_("of all: leave out rows in error and go on"))
    take.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    take.add_argument("--errors", type=Path, help=_("where to write the rows left out, with the reasons (.xlsx)"))
    take.add_argument("--json", action="store_true", help=_("counts as JSON"))
    take.set_defaults(run=run_import)

    give = commands.add_parser("export", help=_("write records to a file"))
    give.add_argument(
        "entity", metavar="ENTITY", nargs="?", help=_("which records, such as account, contact, lead or deal")
    )
    give.add_argument(
        "--all", type=Path, metavar="DIR", dest="whole",
        help=_("everything there is, in open formats, into a new folder: to leave, or to look at with other tools"),
    )  # fmt: skip
    _person(give)
    give.add_argument(
        "--format",
        choices=("xlsx", "csv", "jsonl", "vcf", "vcf3", "parquet"),
        help=_("kind of file (by the ending of --output, else xlsx)"),
    )
    give.add_argument("--fields", default="", metavar="FIELDS", help=_("keys of fields, with commas (all of them)"))
    give.add_argument("--purpose", default="", metavar="TEXT", help=_("what it is for; kept in the log and the file"))
    give.add_argument("--filter", default="", metavar="QUERY", help=_("as after the question mark of a list's address"))
    give.add_argument("--output", type=Path, help=_("file to write (ENTITY.xlsx)"))
    give.add_argument("--json", action="store_true", help=_("counts as JSON"))
    give.set_defaults(run=run_export)


def _person(command: argparse.ArgumentParser) -> None:
    text = _("login name of the person whose rights count (the first administrator)")
    command.add_argument("--as", "--user", dest="user", default="", metavar="USER", help=text)


def run_import(options: argparse.Namespace) -> int:
    """Imports a file through the same door as the page; ends with 1 when rows were left out."""
    for path in options.file:
        if not path.is_file():
            raise LaunchError(_("There is no file %(file)s.") % {"file": path})
    if options.entity == "all":
        return _import_set(options)
    if len(options.file) > 1:
        raise LaunchError(_("Several files at once are imported with: zhike import all FILE FILE…"))
    mapping = _mapping(options)
    with ExitStack() as stack:
        transfer = _ready(stack)
        counts = transfer.import_file(
            options.entity,
            options.file[0],
            username=options.user,
            mapping=mapping,
            dry_run=options.dry_run,
            sheet=options.sheet,
            errors=options.errors,
            progress=_progress(stack, _("Rows")),
        )
    problems = counts["problems"]
    if not options.json:
        for p in problems[:SHOWN]:
            say(_("Row %(row)s, %(column)s: %(text)s") % {**p, "column": p["column"] or "-"})
        if len(problems) > SHOWN:
            say(_("… and more; --errors FILE writes all rows that were left out, --json the first problems."))
        counts = {k: v for k, v in counts.items() if k not in ("problems", "columns")}
    result(counts, as_json=options.json)
    return 1 if counts["errors"] else 0


def _import_set(options: argparse.Namespace) -> int:
    """Linked tables, in the order in which they link."""
    chosen = {}
    for text in options.part:
        table, sign, entity = text.rpartition("=")
        if not sign:
            raise LaunchError(_("--part needs TABLE=ENTITY, not %(text)s.") % {"text": text})
        chosen[table] = entity
    with ExitStack() as stack:
        transfer = _ready(stack)
        found = transfer.import_set(
            options.file, username=options.user, chosen=chosen, dry_run=options.dry_run, anyway=options.anyway,
            errors=options.errors, progress=_progress(stack, _("Rows")),
        )  # fmt: skip
    if options.json:
        result(found, as_json=True)
    else:
        for part in found["parts"]:
            for p in part["problems"][:SHOWN]:
                say(_("Row %(row)s, %(column)s: %(text)s") % {**p, "column": p["column"] or "-"})
            result({k: v for k, v in part.items() if k not in ("problems", "columns")}, as_json=False)
        for name in found["not_imported"]:
            say(
                _("Not imported: %(name)s. Correct the rows in error, or say --anyway to leave them out.")
                % {"name": name}
            )
    return 1 if found["errors"] else 0


def _mapping(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"columns": {}}
    for text in options.map:
        if text.lstrip().startswith("{") or (text.endswith(".json") and Path(text).is_file()):
            found = _joined(found, _json(text))
            continue
        column, sign, field = text.rpartition("=")
        if not sign:
            raise LaunchError(_("--map needs JSON, a file of JSON, or COLUMN=FIELD, not %(text)s.") % {"text": text})
        found["columns"][column] = field
    if options.mode:
        found["mode"] = options.mode
    if options.match:
        found["match"] = [part.strip() for part in options.match.split(",") if part.strip()]
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
    except ValueError as error:
        raise LaunchError(_("--map holds no valid JSON: %(reason)s") % {"reason": error}) from error


def _joined(found: dict[str, Any], more: Any) -> dict[str, Any]:
    """Either {"columns": {…}, "match": […], …}, or the columns alone."""
    if not isinstance(more, dict) or not isinstance(more.get("columns", {}), dict):
        raise LaunchError(_('--map needs a JSON object: {COLUMN: FIELD}, or {"columns": {COLUMN: FIELD}}.'))
    known = {"columns", "also", "constants", "match", "mode", "empty_only", "quiet", "leave_doubles", "pool"}
    if more.keys() <= known:
        return {**found, **more, "columns": {**found["columns"], **more.get("columns", {})}}
    return {**found, "columns": {**found["columns"], **more}}


def run_export(options: argparse.Namespace) -> int:
    """Exports what the person may read; with --all everything that the installation holds."""
    if bool(options.entity) is bool(options.whole):
        raise LaunchError(_("Name what to export, such as account, or say --all DIR for everything."))
    if options.whole:
        return _run_whole(options)
    suffix = options.format or (options.output.suffix.lower().lstrip(".") if options.output else "") or "xlsx"
    output = options.output or Path(f"{options.entity}.{suffix}")
    with ExitStack() as stack:
        transfer = _ready(stack)
        counts = transfer.export_file(
            options.entity,
            output,
            username=options.user,
            query_text=options.filter,
            kind=suffix,
            keys=[key.strip() for key in options.fields.split(",") if key.strip()],
            purpose=options.purpose,
            progress=_progress(stack, _("Rows")),
        )
    result(counts, as_json=options.json)
    return 0


def _run_whole(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        _ready(stack)
        from zhike.engine.transfer import whole  # needs Django set up

        try:
            counts = whole.write(options.whole, username=options.user, progress=_progress(stack, _("Rows")))
        except OSError as error:
            text = _("%(place)s could not be written: %(reason)s. Nothing was left behind.")
            raise LaunchError(text % {"place": options.whole, "reason": error.strerror or error}) from error
    result(counts, as_json=options.json)
    return 0


def _progress(stack: ExitStack, text: str) -> Any:
    shown = Progress()
    stack.callback(shown.close)
    return lambda done, total, _text: shown(done, total, text)


def _ready(stack: ExitStack) -> Any:
    """The engine's import and export, with what they refuse said in a sentence."""
    stack.enter_context(django_ready())
    # Here, because they need Django set up.
    from django.utils import translation

    from zhike.cli.texts import language
    from zhike.engine import transfer
    from zhike.engine.transfer import jobs

    stack.enter_context(translation.override(language().lower().replace("_", "-")))
    stack.push(_Said(jobs.reason))
    return transfer


class _Said:
    """Turns what was refused into one sentence for the terminal."""

    def __init__(self, reason: Any) -> None:
        self._reason = reason

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Here, because they need Django set up.
        from django.db import DatabaseError

        from zhike.engine.errors import Invalid, Missing, Refused
        from zhike.engine.tabular import TabularError

        if isinstance(error, (Invalid, Missing, Refused, TabularError, DatabaseError)):
            raise LaunchError(self._reason(error)) from error
