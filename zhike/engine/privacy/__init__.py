"""Personal data: where they are, what one person's file holds, how they are erased and how long they are kept."""

from .erasing import Plan, erase, is_erased, may_erase, plan, reapply
from .inventory import Line, inventory
from .personfile import person_file, seen_by
from .persons import is_person, own_rows
from .retain import due, run_all, run_rule

__all__ = [
    "Line",
    "Plan",
    "due",
    "erase",
    "inventory",
    "is_erased",
    "is_person",
    "may_erase",
    "own_rows",
    "person_file",
    "plan",
    "reapply",
    "run_all",
    "run_rule",
    "seen_by",
]
