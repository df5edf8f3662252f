"""One's own mail address, phone and login name: asked for again, told to the old address, and nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.identity.conftest import PASSWORD, link_in, post_mails, sign_in
from zhike.base.models import User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import History
from zhike.web import tasks

FORM = {"email": "neu@example.cn", "phone": "13800138000"}


@pytest.fixture
def client(firm: Any) -> Client:
    User.objects.filter(pk=firm.seller.pk).update(email="wang@example.cn")
    found = Client()
    sign_in(found, "seller")
    return found


def kept(who: Any) -> tuple[str, str, str]:
    found = User.objects.get(pk=who.pk)
    return found.email, found.phone, found.username


def notices() -> list[dict[str, Any]]:
    return [job.args for job in ProcrastinateJob.objects.filter(task_name="zhike.identity.contact_changed")]


def test_it_is_saved_noted_and_told_to_the_old_address(firm: Any, client: Client) -> None:
    assert 'href="/me/contact"' in client.get("/me").content.decode()
    assert 'value="wang@example.cn"' in client.get("/me/contact").content.decode()
    assert client.post("/me/contact", FORM)["Location"] == "/me"
    assert kept(firm.seller) == ("neu@example.cn", "13800138000", "seller")
    noted = History.objects.get(action="contact_changed")
    assert (noted.record, noted.actor, noted.details["fields"]) == (firm.seller.pk, firm.seller.pk, ["email", "phone"])
    traced = History.objects.filter(action="update", entity="user", record=firm.seller.pk).latest("at")
    assert (traced.actor, set(traced.changes)) == (firm.seller.pk, {"email", "phone"})
    (notice,) = notices()
    tasks.contact_changed(**notice)
    assert mail.outbox[-1].to == ["wang@example.cn"]
    assert "neu@example.cn" not in mail.outbox[-1].body
    assert client.post("/me/contact", FORM).status_code == 303  # nothing changed: nothing told
    assert (len(notices()), History.objects.filter(action="contact_changed").count()) == (1, 1)


def test_it_asks_again_who_one_is(firm: Any, client: Client) -> None:
    session = client.session
    session["proved"] -= 301
    session.save()
    for answer in (client.get("/me/contact"), client.post("/me/contact", FORM)):
        assert answer["Location"].startswith("/me/confirm")
    assert kept(firm.seller) == ("wang@example.cn", "", "seller")
    assert client.post("/me/confirm", {"password": PASSWORD, "next": "/me/contact"})["Location"] == "/me/contact"
    assert client.post("/me/contact", FORM).status_code == 303
    assert Client().post("/me/contact", FORM)["Location"].startswith("/login")


def test_a_link_that_was_mailed_before_ends(firm: Any, client: Client) -> None:
    Client().post("/forgot", {"who": "seller"})
    link = urlsplit(link_in(post_mails()[-1])).path
    assert Client().get(link).status_code == 302
    client.post("/me/contact", FORM)
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize(
    "wrong",
    [{"email": "nothing"}, {"phone": "1" * 41}, {"email": "ZHANG@example.cn"}, {"email": "a@b.cn\nBcc: x@y.cn"}],
)
def test_what_is_not_taken(firm: Any, client: Client, wrong: dict[str, str]) -> None:
    User.objects.filter(pk=firm.manager.pk).update(email="zhang@example.cn")
    assert client.post("/me/contact", FORM | wrong).status_code == 422
    assert (kept(firm.seller), notices()) == (("wang@example.cn", "", "seller"), [])


def test_a_login_name_is_for_who_gives_login_names(firm: Any, client: Client) -> None:
    assert client.post("/me/contact", FORM | {"username": "boss"}).status_code == 303
    assert kept(firm.seller)[2] == "seller"
    admin = Client()
    sign_in(admin, "admin")
    for taken in ("seller", " "):
        assert admin.post("/me/contact", {"email": "", "phone": "", "username": taken}).status_code == 422
    assert admin.post("/me/contact", {"email": "", "phone": "", "username": "owner"}).status_code == 303
    assert kept(firm.admin) == ("", "", "owner")


@pytest.mark.parametrize("values", [{"email": "neu@example.cn"}, {"phone": "13800138000"}, {"username": "owner"}])
def test_no_form_of_records_changes_ones_own(firm: Any, values: dict[str, str]) -> None:
    before = kept(firm.admin)
    with pytest.raises(Invalid) as caught:
        records.update(firm.actor("admin"), get("user"), firm.admin.pk, values)
    assert [w.code for w in caught.value.first[next(iter(values))]] == ["refused"]
    assert kept(firm.admin) == before
    records.update(firm.actor("admin"), get("user"), firm.seller.pk, values)  # of others it may
    records.update(firm.actor("admin"), get("user"), firm.admin.pk, {"position": "IT"})
