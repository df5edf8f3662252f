"""Second factors: codes that count once, tries that end, and who must have one."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.identity.conftest import PASSWORD, code_of, enrol, is_in, secret_of, sign_in
from zhike.base.models import FailedLogin, Policy, User
from zhike.engine.models import History
from zhike.web import identity_factors as factors


def at_the_second_door(who: str = "seller", client: Client | None = None) -> Client:
    client = client or Client()
    assert sign_in(client, who, next="/account/")["Location"] == "/login/second"
    return client


def second(client: Client, code: str) -> Any:
    return client.post("/login/second", {"code": code})


def stale(client: Client, seconds: int = 301) -> None:
    session = client.session
    session["proved"] -= seconds
    session.save()


# ---- setting up


def test_an_app_is_set_up_and_asked_for(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    old = client.cookies["zhike_session"].value
    page = client.get("/me/factors/totp").content.decode()
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found
    secret = found[1].replace(" ", "")
    assert 'src="data:image/svg+xml;base64,' in page
    assert client.post("/me/factors/totp", {"code": "000000"}).status_code == 422
    assert not Authenticator.objects.exists()
    page = client.post("/me/factors/totp", {"code": code_of(secret)}).content.decode()
    codes = re.findall(r"<li><code>(\d{5}-\d{5})</code></li>", page)
    assert len(set(codes)) == 10
    assert client.cookies["zhike_session"].value != old  # more is open now: another id
    assert codes[0] not in client.get("/me").content.decode()
    assert secret_of(firm.seller) == secret
    raw = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in raw
    assert not any(code.replace("-", "") in raw for code in codes)
    # The code that set it up is used up, the next one is not.
    other = at_the_second_door()
    assert second(other, code_of(secret)).status_code == 422
    assert second(other, code_of(secret, steps=1))["Location"] == "/account/"
    assert is_in(other)
    assert History.objects.filter(action="sign_in").latest("at").details["how"] == "password+totp"


def test_the_password_alone_opens_nothing(firm: Any) -> None:
    enrol(firm.seller)
    client = at_the_second_door()
    for path in ("/", "/account/", "/me", "/me/factors", "/me/confirm", "/api/v1/account", "/settings/"):
        answer = client.get(path)
        assert answer.status_code in (401, 403, 404) or answer["Location"].startswith("/login"), path
    assert "_auth_user_id" not in client.session
    assert client.post("/me/factors/totp", {"code": "1"})["Location"].startswith("/login")


def test_a_code_counts_once_and_only_forward(firm: Any) -> None:
    secret = enrol(firm.seller)
    code = code_of(secret)
    assert second(at_the_second_door(), code).status_code == 302
    assert second(at_the_second_door(), code).status_code == 422
    assert second(at_the_second_door(), code_of(secret, steps=-1)).status_code == 422
    assert second(at_the_second_door(), code_of(secret, steps=1)).status_code == 302


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_of_another_minute_is_refused(firm: Any, steps: int) -> None:
    secret = enrol(firm.seller)
    assert second(at_the_second_door(), code_of(secret, steps=steps)).status_code == 422


@pytest.mark.parametrize("code", ["", "abc", "12345", "１２３４５６", "-1", "None", "0" * 5000, "000000 OR 1=1"])
def test_what_is_no_code(firm: Any, code: str) -> None:
    enrol(firm.seller)
    assert second(at_the_second_door(), code).status_code == 422


def test_five_wrong_codes_close_the_second_door(firm: Any) -> None:
    secret = enrol(firm.seller)
    client = at_the_second_door()
    good = code_of(secret)
    wrong = [c for c in ("000001", "000002", "000003", "000004", "000005", "000006") if c != good][:5]
    assert [second(client, c).status_code for c in wrong] == [422] * 5
    assert second(client, good).status_code == 429
    other = at_the_second_door()  # the password again does not open it
    answer = second(other, good)
    assert (answer.status_code, int(answer["Retry-After"]) > 0, is_in(other)) == (429, True, False)
    FailedLogin.objects.all().delete()
    assert second(other, good).status_code == 302


def test_the_half_session_is_short_and_dies_with_the_password(firm: Any) -> None:
    secret = enrol(firm.seller)
    client = at_the_second_door()
    session = client.session
    session["half"] = {**session["half"], "at": session["half"]["at"] - 301}
    session.save()
    assert second(client, code_of(secret))["Location"] == "/login"
    client = at_the_second_door()
    user = User.objects.get(pk=firm.seller.pk)
    user.set_password("Anders-2026-xyz")
    user.save()
    assert second(client, code_of(secret))["Location"] == "/login"
    assert not is_in(client)


def test_the_second_door_needs_the_first(firm: Any) -> None:
    secret = enrol(firm.seller)
    assert second(Client(), code_of(secret))["Location"] == "/login"
    mine, theirs = enrol(firm.manager), secret
    client = at_the_second_door("manager")
    assert second(client, code_of(theirs)).status_code == 422
    assert second(client, code_of(mine)).status_code == 302


def test_a_recovery_code_counts_once(firm: Any) -> None:
    enrol(firm.seller)
    codes = factors.new_codes(firm.seller)
    assert len(codes) == 10
    assert second(at_the_second_door(), f"{codes[3][:5]}-{codes[3][5:]}").status_code == 302
    assert second(at_the_second_door(), codes[3]).status_code == 422
    assert second(at_the_second_door(), codes[4]).status_code == 302
    assert len(factors.codes_left(firm.seller)) == 8
    fresh = factors.new_codes(firm.seller)
    assert second(at_the_second_door(), codes[5]).status_code == 422
    assert second(at_the_second_door(), fresh[5]).status_code == 302


def test_a_recovery_code_counts_once_for_two_at_the_same_moment(firm: Any) -> None:
    codes = factors.new_codes(firm.seller)
    first, second = (RecoveryCodes(Authenticator.objects.get(type="recovery_codes")) for _n in range(2))
    assert [row.validate_code(codes[0]) for row in (first, second)] == [True, False]  # both read before either wrote
    with CaptureQueriesContext(connection) as asked:
        assert factors.code_fits(firm.seller, codes[1]) == "recovery"
    found = [q["sql"] for q in asked.captured_queries if "mfa_authenticator" in q["sql"]]
    written = next(n for n, sql in enumerate(found) if sql.startswith("UPDATE"))
    assert found[written - 1].endswith("FOR UPDATE")  # what is judged and written is read under its lock
    before = [q["sql"] for q in asked.captured_queries]
    locked = before.index(found[written - 1])
    assert not [sql for sql in before[locked : before.index(found[written])] if sql.startswith("RELEASE")]


# ---- passkeys: what is not one

JUNK = [
    "", "{}", "[]", "null", "1", '"x"', "{", '{"id": 1}', '{"response": {}}', '{"response": null}',
    '{"response": {"userHandle": "AAAA"}}', '{"id":"YQ","rawId":"YQ","type":"public-key","response":{}}',
    ('{"id":"YQ","rawId":"YQ","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA",'
    '"signature":"AA","userHandle":"AA"}}'),
    "[" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("credential", JUNK)
def test_junk_is_no_passkey(firm: Any, credential: str) -> None:
    client = Client()
    assert client.post("/login/passkey/options").json()["publicKey"]["userVerification"] == "required"
    assert client.post("/login/passkey", {"credential": credential}).status_code == 422
    assert not is_in(client)
    sign_in(client, "seller")
    client.post("/me/factors/passkey/options")
    assert client.post("/me/factors/passkey", {"credential": credential, "name": "x"}).status_code == 422
    assert not Authenticator.objects.exists()


def test_every_challenge_is_another_one(firm: Any) -> None:
    client = Client()
    found = {client.post("/login/passkey/options").json()["publicKey"]["challenge"] for _n in range(5)}
    assert len(found) == 5


# ---- proving again


@pytest.mark.parametrize("path", ["/me/factors", "/me/factors/totp", "/settings/policy"])
def test_what_matters_asks_again_after_five_minutes(firm: Any, path: str) -> None:
    client = Client()
    sign_in(client, "admin")
    assert client.get(path).status_code == 200
    stale(client, 270)
    assert client.get(path).status_code == 200
    stale(client, 31)
    assert client.get(path)["Location"] == f"/me/confirm?{urlencode({'next': path})}"
    assert client.get(path, headers={"hx-request": "true"})["HX-Redirect"].startswith("/me/confirm")
    for wrong in ({"password": "wrong"}, {"code": "123456"}, {}, {"credential": "{}"}):
        assert client.post("/me/confirm", {**wrong, "next": path}).status_code == 422
    assert client.get(path).status_code == 302
    assert client.post("/me/confirm", {"password": PASSWORD, "next": path})["Location"] == path
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/me/factors/codes", "/me/factors/passkey", "/me/factors/passkey/options", "/me/factors/1/remove"]
)
def test_a_stale_session_changes_no_factor(firm: Any, path: str) -> None:
    enrol(firm.seller)
    client = Client()
    client.force_login(firm.seller)
    client.get("/me")
    session = client.session
    session["proved"] = 0
    session.save()
    assert client.post(path)["Location"].startswith("/me/confirm")
    assert Authenticator.objects.count() == 1


def test_guessing_ends_when_proving_again_too(firm: Any) -> None:
    client = Client()
    sign_in(client, "seller")
    for _n in range(5):
        assert client.post("/me/confirm", {"password": "wrong"}).status_code == 422
    assert client.post("/me/confirm", {"password": PASSWORD}).status_code == 429


def test_nobody_removes_anothers_factor(firm: Any) -> None:
    enrol(firm.manager)
    pk = Authenticator.objects.get().pk
    client = Client()
    sign_in(client, "seller")
    client.post(f"/me/factors/{pk}/remove")
    assert Authenticator.objects.filter(pk=pk).exists()


def test_recovery_codes_go_with_the_last_factor(firm: Any) -> None:
    enrol(firm.seller)
    factors.new_codes(firm.seller)
    client = Client()
    client.force_login(firm.seller)
    client.post(f"/me/factors/{Authenticator.objects.get(type='totp').pk}/remove")
    assert not Authenticator.objects.exists()
    assert History.objects.filter(action="factor_removed", record=firm.seller.pk).count() == 1


# ---- who must have one


@pytest.mark.parametrize(("asked", "who", "must"), [
    ("nobody", "admin", False), ("admins", "admin", True), ("admins", "seller", False), ("all", "seller", True),
])  # fmt: skip
def test_who_must_set_one_up_gets_nowhere_else(firm: Any, asked: str, who: str, must: bool) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"second_factor": asked})
    client = Client()
    sign_in(client, who)
    answer = client.get("/account/")
    assert (answer.status_code, answer.headers.get("Location")) == ((302, "/me/factors") if must else (200, None))
    if must:
        assert client.get("/settings/")["Location"] == "/me/factors"
        assert client.get("/me/factors").status_code == 200
        page = client.get("/me/factors/totp").content.decode()
        found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
        assert found
        client.post("/me/factors/totp", {"code": code_of(found[1].replace(" ", ""))})
        assert client.get("/account/").status_code == 200


def test_a_lost_factor_is_taken_away_by_the_administrator(firm: Any) -> None:
    enrol(firm.seller)
    seller, admin = Client(), Client()
    seller.force_login(firm.seller)
    assert is_in(seller)
    sign_in(admin, "admin")
    assert admin.post(f"/settings/people/{firm.seller.pk}/entrance", {"do": "factors"}).status_code == 303
    assert (Authenticator.objects.exists(), is_in(seller), is_in(admin)) == (False, False, True)
    assert sign_in(Client(), "seller")["Location"] == "/"


def test_an_administrator_ends_all_sessions_of_a_person(firm: Any) -> None:
    clients = [Client() for _n in range(3)]
    for client in clients:
        sign_in(client, "seller")
    admin = Client()
    sign_in(admin, "admin")
    admin.post(f"/settings/people/{firm.seller.pk}/entrance", {"do": "end"})
    assert [is_in(c) for c in clients] == [False] * 3
    assert is_in(admin)
