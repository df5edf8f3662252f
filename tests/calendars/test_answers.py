"""What servers may answer, friendly or not: no password in the clear, no document type, no endless trying."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.engine import egress
from zhike.engine.egress import Answer
from zhike.modules.calendars.dav import Client, DavError, place

URL = "https://93.184.216.34/dav/"
DAV = (
    '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response>%s</D:response></D:multistatus>'
)


def client(*answers: Answer) -> tuple[Client, list[tuple[str, str]]]:
    """Somebody whose server says this, and what was asked."""
    asked: list[tuple[str, str]] = []
    left = list(answers)

    def send(url: str, **given: Any) -> Answer:
        asked.append((given["method"], url))
        return left.pop(0) if len(left) > 1 else left[0]

    return Client(URL, "wang", "geheim", send=send), asked


def answer(status: int, body: str = "", **headers: str) -> Answer:
    """An answer."""
    return Answer(status, body.encode(), "93.184.216.34", headers)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (answer(401), "auth"),
        (answer(404), "missing"),
        (answer(200, "<html>hello</html>"), "nodav"),
        (answer(207, "no xml"), "nodav"),
        (answer(207, '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), "nodav"),
        (answer(207, "<x>\udcff</x>".encode("utf-8", "surrogateescape").decode("latin-1")), "nodav"),
        (answer(503), "busy"),
        (answer(302, location="http://93.184.216.34/plain/"), "clear"),
        (answer(302, location="https://93.184.216.34/for/ever/"), "nodav"),
        (answer(207, DAV % "<D:href>/</D:href><D:current-user-principal><D:href>http://evil.test/</D:href>"
                           "</D:current-user-principal>"), "clear"),
    ],
)  # fmt: skip
def test_what_leads_nowhere(said: Answer, code: str) -> None:
    found, asked = client(said)
    with pytest.raises(DavError) as error:
        found.calendars()
    assert error.value.code == code
    assert len(asked) < 10
    assert all(url.startswith("https://") for _method, url in asked)


def test_passwords_go_over_tls_or_into_an_opened_network(settings: Any) -> None:
    found, asked = client(answer(404))
    with pytest.raises(DavError) as error:
        found.ask("GET", "http://93.184.216.34/")
    assert (error.value.code, asked) == ("clear", [])
    with pytest.raises(DavError) as error:
        found.ask("GET", "http://127.0.0.1:8080/")
    assert (error.value.code, asked) == ("closed", [])
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    assert found.ask("GET", "http://127.0.0.1:8080/").status == 404


def test_a_redirect_is_followed_only_while_looking() -> None:
    found, asked = client(answer(301, location="/other/"))
    with pytest.raises(DavError) as error:
        found.put(URL, "/dav/x.ics", b"x", "")
    assert error.value.code == "refused"
    assert asked == [("PUT", f"{URL}x.ics")]


def test_versions_that_moved_on_and_servers_that_do_not_say_them() -> None:
    found, _asked = client(answer(412))
    assert found.put(URL, "/dav/x.ics", b"x", '"1"') is None
    assert found.delete(URL, "/dav/x.ics", '"1"') is False
    said = DAV % '<D:href>/dav/x.ics</D:href><D:propstat><D:prop><D:getetag>"7"</D:getetag></D:prop></D:propstat>'
    found, asked = client(answer(201), answer(207, said))
    assert found.put(URL, "/dav/x.ics", b"x", "") == '"7"'
    assert [method for method, _url in asked] == ["PUT", "PROPFIND"]


def test_one_spelling_of_paths() -> None:
    assert place("https://x.test/a%40b/%E6%97%A5.ics") == place("/a@b/日.ics") == "/a@b/%E6%97%A5.ics"


def test_the_door_takes_the_two_methods_and_no_others() -> None:
    assert {"PROPFIND", "REPORT"} <= egress.METHODS
    assert not {"TRACE", "CONNECT", "OPTIONS", "MKCOL"} & egress.METHODS
