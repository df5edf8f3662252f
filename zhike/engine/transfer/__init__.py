"""Import and export of every entity, over the one write path and the one read gate."""

from __future__ import annotations

from . import leaving
from .export import columns, export, listed
from .files import export_file, import_file
from .filesets import import_set
from .formats import FORMATS, offered
from .model import Column, Plan, Problem, Result, Stopped, plan_of, result_of, to_json
from .planning import importable, specs
from .planning import make as plan
from .report import Tally
from .running import run

__all__ = [
    "FORMATS",
    "Column",
    "Plan",
    "Problem",
    "Result",
    "Stopped",
    "Tally",
    "columns",
    "export",
    "export_file",
    "import_file",
    "import_set",
    "importable",
    "leaving",
    "listed",
    "offered",
    "plan",
    "plan_of",
    "result_of",
    "run",
    "specs",
    "to_json",
]
