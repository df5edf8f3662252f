"""Orders as a firm makes them for itself, and real histories as tables of linked files."""

from __future__ import annotations

import ast
import csv
import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from zhike.base.models import Grant
from zhike.engine import catalog
from zhike.engine.access import Actor
from zhike.engine.catalog import Snapshot
from zhike.engine.models import Configuration
from zhike.engine.tabular import read
from zhike.engine.tabular.write import write_csv
from zhike.engine.transfer import Result, Tally, sets

PK = UUID("0198c0de-0000-7000-8000-000000000002")
COLUMNS = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\);", re.DOTALL)


def _named(en: str, **more: Any) -> dict[str, Any]:
    return {"labels": {"zh-hans": en, "zh-hant": en, "en": en}, **more}


def document() -> dict[str, Any]:
    """Orders with their day and customer; their lines with product, quantity, price and discount."""
    order = {
        "x_customer": _named("Customer", kind="link", target="account"),
        "x_day": _named("Order Date", kind="datetime"),
        "x_freight": _named("Freight", kind="decimal"),
    }
    line = {
        "x_order": _named("Order", kind="link", target="x_order"),
        "x_customer": _named("Customer", kind="link", target="account"),
        "x_product": _named("Product", kind="link", target="product"),
        "x_invoice": _named("InvoiceNo", kind="text"),
        "x_item": _named("StockCode", kind="text"),
        "x_about": _named("Description", kind="text"),
        "x_day": _named("InvoiceDate", kind="datetime"),
        "x_quantity": _named("Quantity", kind="integer"),
        "x_price": _named("UnitPrice", kind="decimal"),
        "x_discount": _named("Discount", kind="decimal"),
    }
    objects = {
        "x_order": _named("Order", plural=_named("Orders")["labels"], icon="receipt"),
        "x_line": _named("Order line", plural=_named("Order lines")["labels"], icon="list"),
    }
    return {"fields": {"x_order": order, "x_line": line}, "objects": objects}


def publish() -> None:
    """The objects are there until the transaction ends; people may do with them as with deals."""
    row = {"number": 1, "state": Configuration.State.PUBLISHED, "document": document()}
    Configuration.objects.create(pk=PK, **row)
    for key in ("x_order", "x_line"):
        for grant in Grant.objects.filter(entity="deal"):
            grant.pk, grant.entity = None, key
            grant._state.adding = True
            grant.save(force_insert=True)
    catalog.assume(Snapshot(document(), 1, PK))


def taken(actor: Actor, tables: Mapping[str, tuple[Path, str, Any]], *, dry: bool = False) -> dict[str, Result]:
    """Import linked files, name -> (path, entity or "" to be guessed, what a person says of its columns)."""
    with ExitStack() as stack:
        parts = []
        for name, (path, entity, _said) in tables.items():
            table = stack.enter_context(read(path, name=name))
            parts.append(sets.Part(name, table, entity or sets.guess_entity(actor, name, table)))
        ordered = sets.arrange(actor, parts, lambda part: tables[part.name][2] or {})
        if dry:
            tallies = [Tally() for _part in ordered]
            sets.rehearse(actor, ordered, tallies)
            return {part.name: tally.result for part, tally in zip(ordered, tallies, strict=True)}
        return {done.part.name: done.tally.result for done in sets.write(actor, ordered, anyway=True)}


def northwind(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of the SQL script: rows by column."""
    text = (folder / "retail" / "northwind" / "northwind.sql").read_text("utf-8")
    names = {
        table: re.findall(r"^\s+(\w+) \w", inside, re.MULTILINE) for table, inside in COLUMNS.findall(text)
    }  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for table, inside in re.findall(r"^INSERT INTO (\w+) VALUES \((.*)\);$", text, re.MULTILINE):
        if table in ("customers", "products", "orders", "order_details"):
            values = ast.literal_eval("[" + re.sub(r"'((?:[^']|'')*)'|\bNULL\b", _literal, inside) + "]")
            found.setdefault(table, []).append(dict(zip(names[table], values, strict=True)))
    return found


def _literal(found: re.Match[str]) -> str:
    return repr(found[1].replace("''", "'")) if found[1] is not None else "None"


def online_retail(folder: Path, count: int | None = None) -> Iterator[dict[str, str]]:
    """The lines of the shop, as many as are wanted."""
    path = folder / "retail" / "uci_online_retail" / "online_retail.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from islice(csv.DictReader(file), count)


def table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Path:
    """Some columns of rows as a file."""
    write_csv(path, list(columns), ([row[name] for name in columns] for row in rows))
    return path
