"""What a pasted card says for the fields of a lead, a contact and a customer."""

from __future__ import annotations

from uuid import UUID

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.cards import Card
from zhike.engine.entity import get
from zhike.engine.query import View

Said = tuple[dict[str, str], list[str]]


def lead(_actor: Actor, card: Card) -> Said:
    """The firm, else the person, gives a lead its name; it has one number, the mobile first."""
    said = dict(card.values)
    company, name = said.pop("company", ""), said.pop("name", "")
    said |= {"name": company or name, "company": company, "contact_name": name}
    if "phone" not in said and "landline" in said:
        said["phone"] = said.pop("landline")
    return _fitting("lead", said, card)


def contact(actor: Actor, card: Card) -> Said:
    """The customer is looked for by the company's name; one that is not known goes to the rest."""
    said = dict(card.values)
    if "department" in said:
        said["department_name"] = said.pop("department")
    if found := customer(actor, card):
        del said["company"]
        said["account"] = str(found)
    return _fitting("contact", said, card)


def account(_actor: Actor, card: Card) -> Said:
    """A firm has its switchboard; the person on the card goes to the rest, in one line."""
    said = dict(card.values)
    company = said.pop("company", "")
    person = " ".join(filter(None, (said.pop(k, "") for k in ("name", "position", "department"))))
    if "landline" in said:
        mobile, said["phone"] = said.pop("phone", ""), said.pop("landline")
        person = f"{person} {mobile}".strip()
    found, rest = _fitting("account", {"name": company, **said}, card)
    return found, [person, *rest] if person else rest


def customer(actor: Actor, card: Card) -> UUID | None:
    """The only customer of the actor that the company of a card finds."""
    if not (company := card.values.get("company")) or not access.may(actor, get("account"), "list"):
        return None
    found = list(query.select(actor, get("account"), View(search=company)).values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def _fitting(entity: str, said: dict[str, str], card: Card) -> Said:
    known = get(entity).attributes
    remark = [said.pop("remark")] if "remark" in said else []
    rest = [value for key, value in said.items() if key not in known]
    return {key: value for key, value in said.items() if key in known and value}, [*rest, *remark, *card.rest]
