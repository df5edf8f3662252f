"""Mail and push: over real connections, at times when people may be disturbed, gathered, and tried again."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.notices.conftest import Post
from tests.notices.pushing import Service
from zhike.engine import notices, records, webpush
from zhike.engine.entity import get
from zhike.engine.models import Notice, NoticeSettings, PushSubscription, SealedSecret, Sending
from zhike.jobs import sending

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = dt.datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
TEXT = "%(by)s handed %(what)s “%(title)s” over to you"


@pytest.fixture
def seller(firm: Any) -> Any:
    firm.seller.email = "wang@example.com"
    firm.seller.save()
    return firm.seller


def browser(service: Service, user: Any, name: str = "one") -> Any:
    """A browser of somebody that is pushed to."""
    webpush.public_key()  # what it subscribes with
    found = service.browser(name)
    PushSubscription.objects.create(user=user, endpoint=service.endpoint(name), **found.keys())
    return found


def hand(firm: Any, n: int = 1, *, now: dt.datetime = MONDAY, kind: str = "handed", name: str = "宝钢集团") -> UUID:
    """Tell the seller of a customer of theirs."""
    account = records.create(firm.actor("seller"), get("account"), {"name": f"{name}{n}"})
    about = ("account", account.pk)
    notices.tell(
        firm.seller.pk, TEXT, {"by": "张伟"}, f"/account/{account.pk}", f"t:{n}", kind=kind, about=about, now=now
    )
    pk: UUID = account.pk
    return pk


def states(channel: str) -> list[str]:
    return list(Sending.objects.filter(channel=channel).order_by("pk").values_list("state", flat=True))


# ---- mail


def test_mails_of_a_day_are_gathered_into_one_in_the_readers_language(firm: Any, seller: Any, post: Post) -> None:
    for n in (1, 2):
        hand(firm, n, now=MONDAY + n * HOUR)
    assert sending.send(MONDAY + 3 * HOUR) == 0
    assert post.mails == []
    assert sending.send(MONDAY.replace(hour=8, minute=29) + DAY) == 0
    assert sending.send(MONDAY.replace(hour=8, minute=30) + DAY) == 1
    [mail] = post.mails
    assert mail["Subject"] == "2条通知"
    assert mail["To"] == "wang@example.com"
    assert mail["List-Unsubscribe"].startswith("<http")
    assert mail["List-Unsubscribe"].endswith("/me/notices>")
    for kind in ("plain", "html"):
        assert "宝钢集团1" in post.text(kind=kind)
        assert "宝钢集团2" in post.text(kind=kind)
        assert "/me/notices" in post.text(kind=kind)
    assert sending.send(MONDAY + 9 * DAY) == 0


def test_who_wants_mails_at_once_gets_each_in_their_language(firm: Any, seller: Any, post: Post) -> None:
    seller.language = "en"
    seller.save()
    NoticeSettings.objects.create(user=seller, digest=False)
    hand(firm, name="Baosteel <b>&")
    assert sending.send(MONDAY) == 1
    assert str(post.mails[0]["Subject"]).strip() == "张伟 handed Customer “Baosteel <b>&1” over to you"
    assert "Baosteel &lt;b&gt;&amp;1" in post.text(kind="html")


def test_a_mail_names_nothing_that_its_reader_may_no_longer_see(firm: Any, seller: Any, post: Post) -> None:
    NoticeSettings.objects.create(user=seller, digest=False)
    pk, kept = hand(firm, 1), hand(firm, 2)
    get("account").rows("a test gives it away").filter(pk=pk).update(owner=firm.stranger, ancestors=[], department=None)
    assert sending.send(MONDAY) == 1
    text = post.text() + str(post.mails[0]["Subject"])
    assert "宝钢集团1" not in text
    assert str(pk) not in text
    assert f"/account/{kept}" in text


def test_what_was_read_or_whose_reader_has_left_is_not_sent(firm: Any, seller: Any, post: Post) -> None:
    NoticeSettings.objects.create(user=seller, digest=False)
    hand(firm)
    notices.read(Notice.objects.all())
    assert sending.send(MONDAY) == 0
    hand(firm, 2)
    seller.is_active = False
    seller.save()
    assert sending.send(MONDAY + HOUR) == 0
    assert (post.mails, states("mail")) == ([], ["done", "dead"])


def test_a_mail_server_that_fails_is_asked_again_and_one_that_refuses_is_not(
    firm: Any, seller: Any, post: Post
) -> None:
    NoticeSettings.objects.create(user=seller, digest=False)
    hand(firm)
    post.refuse = "451 later"
    assert sending.send(MONDAY) == 0
    assert sending.send(MONDAY + 30 * dt.timedelta(seconds=1)) == 0
    post.refuse = ""
    assert sending.send(MONDAY + MINUTE) == 1
    hand(firm, 2)
    post.refuse = "550 no such user"
    assert sending.send(MONDAY + 2 * MINUTE) == 0
    assert states("mail") == ["done", "dead"]


def test_a_mail_that_goes_twice_has_the_same_number(firm: Any, seller: Any, post: Post) -> None:
    """A worker died after the server had taken it, before that was noted."""
    NoticeSettings.objects.create(user=seller, digest=False)
    hand(firm)
    assert sending.send(MONDAY) == 1
    Sending.objects.update(state="waiting")
    assert sending.send(MONDAY) == 0  # the lease holds
    assert sending.send(MONDAY + sending.LEASE) == 1
    assert post.mails[0]["Message-ID"] == post.mails[1]["Message-ID"]


# ---- push


def test_a_push_is_signed_encrypted_and_says_what_its_reader_may_see(firm: Any, awake: Any, service: Service) -> None:
    pk = hand(firm)
    assert sending.send(MONDAY) == 1
    [shown] = awake.shown
    assert shown["title"] == "张伟把客户“宝钢集团1”移交给你"
    assert shown["url"] == f"/account/{pk}"
    assert service.keys == {webpush.public_key()}
    assert "PRIVATE" not in SealedSecret.objects.get().value


@pytest.fixture
def awake(seller: Any, service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser of the seller; tokens are of the time of this run, whatever day a test plays on."""
    seller.email = ""
    seller.save()
    real = webpush.authorization
    monkeypatch.setattr(webpush, "authorization", lambda to, key, _now: real(to, key, dt.datetime.now(dt.UTC)))
    return browser(service, seller)


def test_nothing_comes_at_night_and_what_waited_comes_together(firm: Any, awake: Any) -> None:
    for n in range(3):
        hand(firm, n, now=MONDAY + 12 * HOUR)
    assert sending.send(MONDAY + 12 * HOUR) == 0
    assert sending.send(MONDAY + 21 * HOUR + 59 * MINUTE) == 0
    assert sending.send(MONDAY + 22 * HOUR) == 1
    [shown] = awake.shown
    assert (shown["title"], shown["url"]) == ("3条通知", "/notices")
    assert len(shown["body"].splitlines()) == 3


def test_eight_pushes_a_day_and_the_rest_together_the_next(firm: Any, awake: Any) -> None:
    for n in range(11):
        hand(firm, n, now=MONDAY + n * MINUTE)
        sending.send(MONDAY + n * MINUTE)
    assert len(awake.shown) == 8
    assert sending.send(MONDAY + 5 * HOUR) == 0
    assert sending.send(MONDAY.replace(hour=8) + DAY) == 1
    assert awake.shown[-1]["title"] == "3条通知"


def test_a_subscription_that_is_over_is_forgotten(firm: Any, seller: Any, awake: Any, service: Service) -> None:
    del service.browsers["one"]
    second = browser(service, seller, "two")
    hand(firm)
    assert sending.send(MONDAY) == 1
    assert len(second.shown) == 1
    assert list(PushSubscription.objects.values_list("endpoint", flat=True)) == [service.endpoint("two")]


@pytest.mark.parametrize(("status", "headers", "wait"), [(503, {}, 1), (429, {"Retry-After": "1200"}, 20)])
def test_a_service_that_is_busy_is_asked_again_and_who_has_it_is_not(
    firm: Any, seller: Any, awake: Any, service: Service, status: int, headers: dict[str, str], wait: int
) -> None:
    second = browser(service, seller, "two")
    service.answers = [(status, headers)]  # for the first of the two
    hand(firm)
    assert sending.send(MONDAY) == 0
    assert (len(awake.shown), len(second.shown)) == (0, 1)
    assert sending.send(MONDAY + wait * MINUTE - dt.timedelta(seconds=1)) == 0
    assert sending.send(MONDAY + wait * MINUTE) == 1
    assert (len(awake.shown), len(second.shown)) == (1, 1)


def test_after_five_failures_it_is_given_up(firm: Any, awake: Any, service: Service) -> None:
    service.answers = [(500, {})] * 9
    hand(firm)
    for hour in range(30):
        sending.send(MONDAY + hour * HOUR)
    assert states("push") == ["dead"]
    assert len(service.answers) == 3


def test_pushing_leaves_by_the_one_door_alone(firm: Any, awake: Any, settings: Any) -> None:
    settings.EGRESS_ALLOW = []
    hand(firm)
    assert sending.send(MONDAY) == 0
    assert Sending.objects.get().error.startswith("closed")


def test_another_key_of_the_installation_ends_old_subscriptions(seller: Any, awake: Any, settings: Any) -> None:
    first = webpush.public_key()
    assert webpush.public_key() == first
    settings.SECRET_KEY = "another"
    assert webpush.public_key() != first
    assert PushSubscription.objects.count() == 0


def test_putting_off_brings_a_push_again(firm: Any, awake: Any) -> None:
    hand(firm)
    assert sending.send(MONDAY) == 1
    notice = Notice.objects.get()
    notices.put_off(notice, MONDAY + HOUR)
    assert notices.inbox(firm.seller.pk, MONDAY).count() == 0
    assert sending.send(MONDAY + 59 * MINUTE) == 0
    assert sending.send(MONDAY + HOUR) == 1
    assert len(awake.shown) == 2


def test_how_notices_went_is_forgotten_after_a_month(firm: Any, awake: Any) -> None:
    hand(firm)
    sending.send(MONDAY)
    sending.tidy(MONDAY + 29 * DAY)
    assert Sending.objects.count() == 1
    sending.tidy(MONDAY + 31 * DAY)
    assert (Sending.objects.count(), Notice.objects.count()) == (0, 1)
