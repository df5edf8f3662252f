"""Names by strokes: the numbers, one key in Python and in PostgreSQL, lists of who wants them so, and their index."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Firm
from zhike.base import strokes
from zhike.base.models import User
from zhike.engine import indexing, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import View
from zhike.engine.records import create

pytestmark = pytest.mark.django_db
# As a list of Taiwanese surnames gives them.
SURNAMES = {
    2: "丁", 4: "王方", 6: "江", 7: "李吳何", 8: "林周", 9: "洪", 10: "徐高", 11: "張陳許郭", 12: "黃曾", 13: "楊",
    14: "廖趙", 15: "劉蔡鄭", 16: "賴", 17: "謝鍾戴", 18: "簡顏魏", 19: "羅", 20: "蘇",
}  # fmt: skip
KNOWN = {char: number for number, chars in SURNAMES.items() for char in chars}
TEXTS = st.text(st.characters(max_codepoint=0x1FFFF, exclude_characters="\x00", exclude_categories=["Cs"]), max_size=24)


def test_the_numbers_are_those_that_are_taught() -> None:
    assert {char: strokes.number(char) for char in KNOWN} == KNOWN
    assert sum(n > 0 for n in strokes.table()) > 22_000
    assert [strokes.number(char) for char in "A1，。ㄅあ"] == [0] * 6


def test_a_key_sorts_letters_first_then_by_strokes_then_by_the_next_sign() -> None:
    names = ["陳大文", "丁一", "王小明", "Acme", "王大明", "12 號店", "林口廠"]
    assert sorted(names, key=strokes.key) == ["12 號店", "Acme", "丁一", "王大明", "王小明", "林口廠", "陳大文"]


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXTS | st.text("王李陳張林黃a1龘", max_size=20), min_size=1, max_size=20))
def test_python_and_postgres_make_one_key(texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT zhike_strokes(t) FROM unnest(%s::text[]) WITH ORDINALITY AS x(t, n) ORDER BY n", [texts])
        assert [row[0] for row in cursor.fetchall()] == [strokes.key(t) for t in texts]


def chosen(user: User, order: str) -> Actor:
    User.objects.filter(pk=user.pk).update(name_order=order)
    return Actor(User.objects.select_related("department").get(pk=user.pk))


NAMES = ("陳記", "丁記", "王記", "林記", "黃記", "Acme")
BY_STROKES = ["Acme", "丁記", "王記", "林記", "陳記", "黃記"]
BY_PINYIN = ["Acme", "陳記", "丁記", "黃記", "林記", "王記"]


def walked(actor: Actor, entity: str, sort: str, key: str) -> list[Any]:
    view, found = View(sort=sort, size=2, columns=(key,)), []
    page = query.page(actor, get(entity), view)
    while True:
        found += [page.text(row, key) for row in page.rows]
        if not page.next:
            return found
        page = query.page(actor, get(entity), view.but(after=page.next))


def test_a_list_is_walked_in_the_order_that_its_reader_wants(firm: Firm) -> None:
    for name in NAMES:
        create(firm.actor("seller"), get("account"), {"name": name})
    assert walked(chosen(firm.seller, ""), "account", "name", "name") == BY_PINYIN
    wanted = chosen(firm.seller, "strokes")
    assert walked(wanted, "account", "name", "name") == BY_STROKES
    assert walked(wanted, "account", "-name", "name") == BY_STROKES[::-1]


def test_titles_of_linked_records_too(firm: Firm) -> None:
    for name in NAMES:
        account = create(firm.actor("seller"), get("account"), {"name": name})
        create(firm.actor("seller"), get("contact"), {"name": "某", "account": account.pk})
    ids = dict(get("account").rows("test").values_list("pk", "name"))
    for order, wanted in (("", BY_PINYIN), ("strokes", BY_STROKES)):
        actor = chosen(firm.seller, order)
        rows = query.select(actor, get("contact"), View(sort="account")).values_list("account", flat=True)
        assert [ids[pk] for pk in rows] == wanted
        assert walked(actor, "contact", "account", "account") == wanted


def test_a_place_in_one_order_is_none_in_the_other(firm: Firm) -> None:
    for name in NAMES:
        create(firm.actor("seller"), get("account"), {"name": name})
    view = View(sort="name", size=2)
    after = query.page(chosen(firm.seller, ""), get("account"), view).next
    page = query.page(chosen(firm.seller, "strokes"), get("account"), view.but(after=after))
    assert [row.values["name"] for row in page.rows] == BY_STROKES[:2]  # the first page of the new order


def test_the_index_is_wanted_by_whoever_sorts_so(firm: Firm) -> None:
    before = indexing.wanted()
    chosen(firm.seller, "strokes")
    found = [i for name, i in indexing.wanted().items() if name not in before]
    assert {"account", "contact", "lead", "deal"} <= {i.entity for i in found}
    with connection.cursor() as cursor:
        for index in found:
            cursor.execute(index.statement().as_string(None).replace(" CONCURRENTLY", ""))
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # a table that is known to be empty is as soon sorted
    view = View(sort="name", size=2)
    wanted = chosen(firm.executive, "strokes")
    explained = query.select(wanted, get("account"), view)[:2].explain()
    assert next(i.name for i in found if i.entity == "account") in explained


def test_it_is_chosen_on_the_own_page(firm: Firm) -> None:
    client = firm.client("seller")
    assert client.post("/me/names", {"order": "strokes"}).status_code == 303
    firm.seller.refresh_from_db()
    assert firm.seller.name_order == "strokes"
    client.post("/me/names", {"order": "by colour"})
    firm.seller.refresh_from_db()
    assert firm.seller.name_order == "strokes"
    page = client.get("/me").content.decode()
    assert 'value="strokes" aria-current="true"' in page
