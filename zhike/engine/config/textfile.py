"""The whole configuration as one readable text file (TOML), and back: exported, compared, applied."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w
from django.db import transaction
from django.utils.translation import gettext as _

from zhike.engine.access import Actor

from . import changes, document, lifecycle, rolesfile, rows
from .changes import Change
from .checking import MOST_BYTES, Check, Problem
from .lifecycle import Unfit

FORMAT = 1
HEAD = """\
# The configuration of an installation of Zhike.
#
#   zhike config diff FILE     what the file would change here
#   zhike config apply FILE    show that, ask, and publish it as a whole or not at all
#
# [fields.<object>.<key>]   fields of the firm; keys begin with x_ and never change, labels do
# [objects.<key>]           objects of the firm
# [choices."object.field"]  lists of built-in fields
# [layouts.<object>.<part>] form, list, card, quick, facts, filters: for everybody (""), "role:<key>" or "phone"
# [numbers]                 running numbers, such as C%06d
# [pipelines.<object>.<key>], [views.<object>.<key>], [tags.<name>], [roles.<key>]
#                           what the file names is made as it says; what it does not name stays
#
# Fields, objects, choices, layouts and numbers that the file does not name are taken out: values stay in the database.
"""


@dataclass(frozen=True)
class File:
    """A file that was read and is sound: the document, and the roles."""

    document: Mapping[str, Any]
    roles: Mapping[str, Any]


def export(*, roles: bool = True) -> str:
    """The configuration in force as text, in a stable order."""
    found = {**lifecycle.in_force(), **rows.read(), "roles": rolesfile.read() if roles else {}}
    return HEAD + "\n" + tomli_w.dumps({"format": FORMAT, **ordered(found)}, multiline_strings=False)


def ordered(value: Any) -> Any:
    """The same value with the entries of every table in the order of their names; lists keep theirs."""
    if isinstance(value, Mapping):
        return {k: ordered(v) for k, v in sorted(value.items()) if v is not None and v != {}}
    return [ordered(v) for v in value] if isinstance(value, list) else value


def read(text: str) -> File:
    """What a file says. Raises Unfit with line or path of everything that is wrong."""
    if len(text.encode("utf-8", "surrogatepass")) > 2 * MOST_BYTES:
        raise Unfit([Problem("", _("The file is too large for a configuration."))])
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unfit([Problem("", _("The file is no TOML: %(text)s") % {"text": error})]) from None
    except RecursionError:
        raise Unfit([Problem("", _("The configuration nests too deep."))]) from None
    version, roles = found.pop("format", None), found.pop("roles", {})
    if version != FORMAT:
        raise Unfit([Problem("format", _("This is no configuration that this version reads: format = 1 is missing."))])
    check = Check()
    rolesfile.check(check, roles)
    wrong = [*document.problems(found), *check.found]
    errors = [located(text, p) for p in wrong if not p.warns]
    if errors:
        raise Unfit(errors)
    return File(found, roles)


def warnings(file: File) -> list[Problem]:
    """What a file says that is worth a second look."""
    return [p for p in document.problems(file.document) if p.warns]


def diff(file: File) -> list[Change]:
    """What applying a file would change."""
    found = changes.diff(lifecycle.before(file.document), file.document)
    for key in rolesfile.different(file.roles):
        name = _("Role “%(name)s”") % {"name": file.roles[key]["name"]}
        found.append(Change(("roles", key), name, "", "changed"))
    return found


@transaction.atomic
def apply(actor: Actor, file: File, note: str = "") -> int:
    """Publish what a file says, as a whole or not at all; the number of the configuration that is in force then.

    Raises Unfit, Invalid, Refused; then nothing is changed.
    """
    lifecycle.check_office(actor)
    rolesfile.make(actor, file.roles)
    made = lifecycle.put_in_force(actor, file.document, note)
    rolesfile.write(actor, file.roles)
    return made.number or 0


def located(text: str, problem: Problem) -> Problem:
    """The problem with the line of the file where its path begins, as far as that can be found."""
    wanted = problem.path.split(".")
    best, line_of = 0, 0
    here: list[str] = []
    for n, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            here = _header(stripped)
        elif "=" not in stripped or stripped.startswith("#"):
            continue
        path = ".".join([*here, *([] if stripped.startswith("[") else [_key(stripped)])]).split(".")
        same = next(
            (i for i, (a, b) in enumerate(zip(path, wanted, strict=False)) if a != b), min(len(path), len(wanted))
        )
        if same == len(path) and same > best:
            best, line_of = same, n
    where = f"{_('line %(n)s') % {'n': line_of}}, {problem.path}" if line_of else problem.path
    return Problem(where, problem.text, problem.warns)


def _header(line: str) -> list[str]:
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return []
    path = []
    while isinstance(found, Mapping) and found:
        key, found = next(iter(found.items()))
        path.append(key)
        if isinstance(found, Sequence):
            break
    return path


def _key(line: str) -> str:
    return line.partition("=")[0].strip().strip("\"'")
