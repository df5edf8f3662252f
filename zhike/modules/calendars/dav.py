"""The few requests of CalDAV (RFC 4791) that keeping a calendar in step takes, all of them through the one door.

Passwords are sent over TLS, or to a network of the firm's own that it has opened; an address that a server names itself
is called on the same terms. Redirects are followed while looking for calendars only, and never away from TLS.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from zhike.engine import egress, networks

DAV, CAL, CS = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
LIMITS = egress.Limits(connect=5, total=30, size=16 * 1024 * 1024)
AT_ONCE = 50  # entries asked for in one request
HOPS = 3
AGAIN = (408, 425, 429, 500, 502, 503, 504)
Send = Callable[..., egress.Answer]


class DavError(Exception):
    """A request that did not do what it should; `code` is a key of accounts.WORDS, `status` the answer if there was."""

    def __init__(self, code: str, detail: object = "", status: int = 0) -> None:
        super().__init__(code, detail, status)
        self.code, self.detail, self.status = code, str(detail)[:100], status


@dataclass(frozen=True)
class Found:
    """A calendar on the server."""

    url: str
    name: str


@dataclass(frozen=True)
class Entry:
    """One resource with its body."""

    href: str
    etag: str
    data: bytes


def place(url: str) -> str:
    """The path of an address in one spelling: servers write the same one in several."""
    return quote(unquote(urlsplit(url).path), safe="/~!$&'()*+,;=:@")


@dataclass
class Client:
    """Somebody's account on a server."""

    url: str
    username: str
    password: str
    send: Send = field(default=egress.fetch)

    def __post_init__(self) -> None:
        given = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {given}"}
        self.wrote = False  # whether anything was sent that may have changed the calendar

    def ask(
        self, method: str, url: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None
    ) -> egress.Answer:
        """One request. Raises DavError for what is not to be mended by asking otherwise: no entry, busy, no way."""
        sent = body.encode() if isinstance(body, str) else body
        try:
            if urlsplit(url).scheme != "https" and not all(map(networks.opened, egress.check(url).addresses)):
                raise DavError("clear")
            self.wrote = self.wrote or method in ("PUT", "DELETE")
            answer = self.send(url, method=method, body=sent or None, headers={**self._headers, **(headers or {})},
                               limits=LIMITS)  # fmt: skip
        except egress.EgressError as error:
            raise DavError(error.code, error.detail) from None
        if answer.status in (401, 403) and method in ("PROPFIND", "REPORT", "GET"):
            raise DavError("auth", status=answer.status)
        if answer.status == 401:
            raise DavError("auth", status=answer.status)
        if answer.status in AGAIN:
            raise DavError("busy", answer.status, answer.status)
        return answer

    def _properties(self, url: str, props: str, depth: int) -> tuple[str, dict[str, ET.Element]]:
        """Path -> what the server says of it, and the address that answered in the end."""
        body = f'<?xml version="1.0" encoding="utf-8"?><D:propfind {SPACES}><D:prop>{props}</D:prop></D:propfind>'
        for _hop in range(HOPS + 1):
            answer = self.ask("PROPFIND", url, body, {"Depth": str(depth), "Content-Type": "application/xml"})
            if answer.status not in (301, 302, 307, 308) or not (to := answer.headers.get("location")):
                break
            if urlsplit(url).scheme == "https" and urlsplit(urljoin(url, to)).scheme != "https":
                raise DavError("clear")
            url = urljoin(url, to)
        if answer.status != 207:
            raise DavError("missing" if answer.status in (404, 410) else "nodav", answer.status, answer.status)
        return url, dict(_responses(answer.body))

    # ---- looking for calendars

    def calendars(self) -> list[Found]:
        """The calendars of the person: the address itself where it is one, else those of the account behind it."""
        url, own = self._properties(self.url, "<D:resourcetype/><D:displayname/><D:current-user-principal/>", 0)
        for one in own.values():
            if one.find(f".//{DAV}resourcetype/{CAL}calendar") is not None:
                return [Found(url, _name(one, url))]
        principal = self._address(url, own, f".//{DAV}current-user-principal/{DAV}href")
        if not principal:
            known = urljoin(url, "/.well-known/caldav")
            url, own = self._properties(known, "<D:current-user-principal/>", 0)
            principal = self._address(url, own, f".//{DAV}current-user-principal/{DAV}href")
        if not principal:
            raise DavError("nodav")
        base, about = self._properties(principal, "<C:calendar-home-set/>", 0)
        home = self._address(base, about, f".//{CAL}calendar-home-set/{DAV}href")
        if not home:
            raise DavError("nodav")
        wanted = "<D:resourcetype/><D:displayname/><C:supported-calendar-component-set/>"
        base, rows = self._properties(home, wanted, 1)
        return [Found(urljoin(base, path), _name(one, path)) for path, one in rows.items() if _is_calendar(one)]

    def _address(self, base: str, rows: Mapping[str, ET.Element], path: str) -> str:
        found = next((text for one in rows.values() if (text := one.findtext(path))), "")
        to = urljoin(base, found.strip()) if found else ""
        if to and urlsplit(base).scheme == "https" and urlsplit(to).scheme != "https":
            raise DavError("clear")
        return to

    # ---- one calendar

    def ctag(self, url: str) -> str:
        """What changes whenever anything in the calendar does; "" where the server does not say."""
        _url, rows = self._properties(url, "<S:getctag/><D:sync-token/>", 0)
        for one in rows.values():
            found = one.findtext(f".//{CS}getctag") or one.findtext(f".//{DAV}sync-token") or ""
            return found.strip()[:300]
        return ""

    def listing(self, url: str) -> dict[str, str]:
        """Path -> version of every entry."""
        _url, rows = self._properties(url, "<D:getetag/><D:resourcetype/>", 1)
        found = {}
        for path, one in rows.items():
            etag = (one.findtext(f".//{DAV}getetag") or "").strip()
            if etag and one.find(f".//{DAV}resourcetype/{DAV}collection") is None:
                found[path] = etag[:300]
        return found

    def entries(self, url: str, paths: Sequence[str]) -> Iterator[Entry]:
        """The bodies of some; one that has gone meanwhile is left out."""
        for n in range(0, len(paths), AT_ONCE):
            asked = "".join(f"<D:href>{escape(path)}</D:href>" for path in paths[n : n + AT_ONCE])
            body = (
                f'<?xml version="1.0" encoding="utf-8"?><C:calendar-multiget {SPACES}>'
                f"<D:prop><D:getetag/><C:calendar-data/></D:prop>{asked}</C:calendar-multiget>"
            )
            answer = self.ask("REPORT", url, body, {"Depth": "1", "Content-Type": "application/xml"})
            if answer.status != 207:
                raise DavError("missing" if answer.status in (404, 410) else "nodav", answer.status, answer.status)
            for path, one in _responses(answer.body):
                data, etag = one.findtext(f".//{CAL}calendar-data"), one.findtext(f".//{DAV}getetag")
                if data and etag:
                    yield Entry(path, etag.strip()[:300], data.encode())

    def put(self, url: str, path: str, data: bytes, etag: str) -> str | None:
        """Write one where it is still the version `etag` ("" for none yet): its new version, None where it is not."""
        headers = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        where = urljoin(url, path)
        answer = self.ask("PUT", where, data, {**headers, "Content-Type": "text/calendar; charset=utf-8"})
        if answer.status == 412 or (etag and answer.status in (404, 410)):
            return None
        if answer.status not in (200, 201, 204):
            raise DavError("refused", answer.status, answer.status)
        if said := answer.headers.get("etag", "").strip()[:300]:
            return said
        _url, rows = self._properties(where, "<D:getetag/>", 0)
        return next((e.strip()[:300] for one in rows.values() if (e := one.findtext(f".//{DAV}getetag"))), "")

    def delete(self, url: str, path: str, etag: str) -> bool:
        """Delete one where it is still this version, or gone already; False where it is another one."""
        answer = self.ask("DELETE", urljoin(url, path), headers={"If-Match": etag} if etag else {})
        if answer.status == 412:
            return False
        if answer.status not in (200, 202, 204, 404, 410):
            raise DavError("refused", answer.status, answer.status)
        return True


def _responses(body: bytes) -> Iterator[tuple[str, ET.Element]]:
    """Path and element of each resource of a multi-status answer."""
    try:
        text = body.decode("utf-8-sig")
        if "<!DOCTYPE" in text.upper():  # no answer needs one; entities are where XML is dangerous
            raise DavError("nodav")
        root = ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except (UnicodeDecodeError, ET.ParseError, ValueError):
        raise DavError("nodav") from None
    for one in root.iter(f"{DAV}response"):
        if path := (one.findtext(f"{DAV}href") or "").strip():
            yield place(path)[:700], one


def _name(one: ET.Element, url: str) -> str:
    said = (one.findtext(f".//{DAV}displayname") or "").strip()
    return (said or unquote(url.rstrip("/").rpartition("/")[2]))[:200]


def _is_calendar(one: ET.Element) -> bool:
    """A calendar that takes appointments; one that does not say what it takes, takes them."""
    if one.find(f".//{DAV}resourcetype/{CAL}calendar") is None:
        return False
    takes = [part.get("name", "").upper() for part in one.iter(f"{CAL}comp")]
    return not takes or "VEVENT" in takes
