"""The forty people of the demo firm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from .dice import Days, Dice
from .words import Words, latin, person_name, words

PASSWORD = "zhike-demo"  # noqa: S105 - of an installation for trying things, printed by the command
ACCOUNTS = ("seller", "manager", "executive", "admin")
# department -> people in it: (position, role, how many); teams of a sales department have a leader and sellers
OFFICE = (
    ("general", "executive", 1),
    ("deputy", "executive", 1),
    ("finance", "executive", 1),
    ("accountant", "", 1),
    ("people", "", 1),
    ("it", "administrator", 1),
)
MARKETING = (("marketing_head", "manager", 1), ("marketing", "seller", 2))
SERVICE = (("service_head", "manager", 1), ("service", "seller", 3))
TEAMS: Mapping[str, Mapping[str, int]] = {
    "east": {"suzhou": 4, "shanghai": 4, "zhejiang": 4},
    "south": {"shenzhen": 4, "foshan": 3},
    "north": {"beijing": 3, "shandong": 2},
}
NAMED = {("office", "deputy"): "executive", ("office", "it"): "admin", ("east", "manager"): "manager"}


@dataclass
class Staff:
    """One of our people. `skill` is the part of deals that a seller wins, `pace` how much she or he gets done."""

    username: str
    name: str
    department: str
    team: str
    position: str
    role: str
    hired_on: dt.date
    manager: str = ""
    skill: float = 0.0
    pace: float = 1.0
    is_head: bool = False


@dataclass
class Firm:
    """Our people by login name, and who sells in which team."""

    text: Words
    staff: dict[str, Staff] = field(default_factory=dict)

    @property
    def sellers(self) -> list[Staff]:
        """Those who sell."""
        return [s for s in self.staff.values() if s.team]

    def team(self, key: str) -> list[Staff]:
        """The sellers of a team."""
        return [s for s in self.staff.values() if s.team == key]

    def head(self, department: str) -> Staff:
        """Who leads a department."""
        return next(s for s in self.staff.values() if s.department == department and s.is_head)


def hire(seed: int, lang: str, days: Days) -> Firm:
    """The same forty people for the same seed."""
    dice = Dice(seed, "people")
    firm = Firm(words(lang))
    for position, role, count in OFFICE:
        for _n in range(count):
            _add(dice, firm, days, "office", position, role)
    for department, teams in TEAMS.items():
        head = _add(dice, firm, days, department, "manager", "manager")
        head.is_head = True
        for team, count in teams.items():
            for n in range(count):
                _seller(dice, firm, days, department, team, n, head)
    for department, rows in (("marketing", MARKETING), ("service", SERVICE)):
        for position, role, count in rows:
            for n in range(count):
                _add(dice, firm, days, department, position, role).is_head = n == 0 and position.endswith("_head")
    general = next(s for s in firm.staff.values() if s.position == "general")
    for one in firm.staff.values():
        one.manager = one.manager or ("" if one is general else general.username)
    general.is_head = True
    return firm


def _seller(dice: Dice, firm: Firm, days: Days, department: str, team: str, n: int, head: Staff) -> None:
    position = "leader" if n == 0 else dice.choice(("seller", "seller", "junior"))
    wanted = "seller" if (team, n) == ("suzhou", 1) else ""
    one = _add(dice, firm, days, department, "seller" if wanted else position, "seller", wanted)
    one.team, one.manager = team, head.username
    one.skill = min(max(dice.gauss(0.37, 0.09), 0.2), 0.6)
    one.pace = dice.uniform(0.65, 1.3)
    if wanted:
        one.skill, one.pace = 0.46, 1.35


def _add(dice: Dice, firm: Firm, days: Days, department: str, position: str, role: str, username: str = "") -> Staff:
    username = username or NAMED.get((department, position), "")
    name = firm.text["firm"]["named"].get(username, "") if username else ""
    taken = {s.name for s in firm.staff.values()}
    while not name or name in taken:
        name = person_name(dice, firm.text)[0]
    base = username or latin(name)
    login, n = base, 2
    while login in firm.staff or (not username and login in ACCOUNTS):
        login, n = f"{base}{n}", n + 1
    hired = days.start - dt.timedelta(days=dice.randint(40, 2400))
    found = Staff(login, name, department, "", position, role, hired)
    firm.staff[login] = found
    return found
