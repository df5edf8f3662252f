"""Comments under activities, and colleagues named by @: who reads, who writes, who hears of it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tests.api.desk import program
from zhike.base.models import Grant, Role, User
from zhike.engine import access, delegation, merging, notices, records
from zhike.engine.access import Actor, Limit
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import History, Notice
from zhike.engine.privacy import erasing
from zhike.modules.activities import comment_pages, commenting, mentioning
from zhike.modules.activities.models import Activity, Comment, Mention
from zhike.modules.tests.helpers import Firm, create, reload

TODAY = timezone.localdate()


@pytest.fixture
def account(firm: Firm) -> Any:
    return create(firm.seller, "account", name="宝钢")


@pytest.fixture
def visit(firm: Firm, account: Any) -> Activity:
    """A visit of the seller, done."""
    made: Activity = create(
        firm.seller, "activity", kind="visit", status="done", result="held", body="看了样机", account=account.pk
    )
    return made


def told() -> dict[str, list[str]]:
    """What people were told: name -> kinds."""
    found: dict[str, list[str]] = {}
    for one in Notice.objects.select_related("user").order_by("pk"):
        found.setdefault(one.user.name, []).append(one.kind)
    return found


def browser(actor: Actor) -> Client:
    client = Client(headers={"accept-language": "zh-CN"})
    client.force_login(actor.user)
    return client


def post(actor: Actor, visit: Activity, **sent: Any) -> Any:
    """What the box sends; the answer is the thread."""
    headers = {"HX-Request": "true", "HX-Target": f"thread-{visit.pk}"}
    return browser(actor).post(f"/activity/{visit.pk}/comments", sent, headers=headers)


def test_the_managers_comment_reaches_the_owner_once(firm: Firm, visit: Activity) -> None:
    before = reload("activity", visit.pk)
    account = reload("account", visit.account_id)
    text = f"@{firm.seller.user.name} 下次带上报价"
    for _again in range(2):
        answer = post(firm.manager, visit, text=text, mention=str(firm.seller.user.pk), idempotency_key="k")
    assert (answer.status_code, Comment.objects.count(), told()) == (200, 1, {"王芳": ["mention"]})
    (said,) = notices.said(firm.seller, Notice.objects.all())
    comment = Comment.objects.get()
    assert said.text == f"赵敏提到了您：@{firm.seller.user.name} 下次带上报价"
    assert (said.meta, said.url) == ("拜访 · 宝钢", f"/activity/{visit.pk}#comment-{comment.pk}")
    page = browser(firm.seller).get(f"/activity/{visit.pk}").content.decode()
    assert f'id="comment-{comment.pk}"' in page
    assert '<span class="mention">@王芳</span> 下次带上报价' in page
    assert reload("activity", visit.pk).version == before.version
    after = reload("account", visit.account_id)
    assert (after.last_contact_at, after.recycle_at, after.version) == (
        account.last_contact_at, account.recycle_at, account.version
    )  # fmt: skip


def test_owners_and_earlier_commenters_hear_each_once_and_never_of_their_own(firm: Firm, account: Any) -> None:
    records.update(firm.seller, get("account"), account.pk, {"owner": firm.seller.user.pk})
    call = create(firm.manager, "activity", kind="note", body="看过了", account=account.pk)
    commenting.write(firm.seller, call.pk, "谢谢")
    assert told() == {"赵敏": ["comment"]}
    commenting.write(firm.executive, call.pk, "继续")
    assert told() == {"赵敏": ["comment"] * 2, "王芳": ["comment"]}
    commenting.write(firm.manager, call.pk, "好")
    assert told() == {"赵敏": ["comment"] * 2, "王芳": ["comment"] * 2, "钱总": ["comment"]}


def test_a_switched_off_kind_is_not_in_the_inbox(firm: Firm, visit: Activity) -> None:
    from zhike.engine.models import NoticeSettings

    NoticeSettings.objects.create(user=firm.seller.user, switches={"comment": {"page": False}})
    commenting.write(firm.manager, visit.pk, "不错")
    assert not notices.inbox(firm.seller.user.pk).exists()
    assert {"mention", "comment"} <= notices.KINDS.keys()


def test_who_cannot_see_it_is_not_told_and_the_writer_hears_so(firm: Firm, visit: Activity) -> None:
    gone = firm.colleague.user
    User.objects.filter(pk=gone.pk).update(is_active=False)
    people = [str(firm.stranger.user.pk), str(gone.pk), str(uuid4()), "x' OR 1=1", str(visit.pk)]
    html = post(firm.manager, visit, text="@韩梅梅 @李雷 你们看", mention=people).content.decode()
    assert "韩梅梅看不到这条记录，没有发通知。" in html
    assert "李雷已不在这里工作，没有发通知。" in html
    assert told() == {"王芳": ["comment"]}
    assert [m.user_id for m in Mention.objects.all()] == [firm.stranger.user.pk]
    offered = browser(firm.manager).get(f"/activity/{visit.pk}/mentions?q=h").content.decode()
    assert ("韩梅梅" in offered, "看不到" in offered) == (True, True)
    assert "李雷" not in browser(firm.manager).get(f"/activity/{visit.pk}/mentions").content.decode()
    assert browser(firm.stranger).get(f"/activity/{visit.pk}/mentions").status_code == 404


def test_a_name_counts_only_where_the_text_holds_it(firm: Firm, visit: Activity) -> None:
    commenting.write(firm.manager, visit.pk, "没有提到谁", [str(firm.executive.user.pk)])
    commenting.write(firm.manager, visit.pk, f"@{firm.executive.user.name} 只是写了名字")
    assert (Mention.objects.count(), told()) == (0, {"王芳": ["comment"] * 2})
    users = [User.objects.create_user(f"u{n}", name=f"某{n:02}") for n in range(mentioning.MOST + 1)]
    with pytest.raises(Invalid):
        commenting.write(firm.manager, visit.pk, "".join(f"@{u.name}" for u in users), [str(u.pk) for u in users])


def test_who_stands_in_for_an_absent_owner_hears_of_it(firm: Firm, visit: Activity) -> None:
    lent = delegation.create(
        firm.seller, principal=firm.seller.user, assistant=firm.stranger.user, from_on=TODAY,
        until_on=TODAY + dt.timedelta(days=3), scopes=("activity:list", "activity:read"),
    )  # fmt: skip
    Notice.objects.all().delete()
    commenting.write(firm.manager, visit.pk, "客户在等报价")
    assert told() == {"王芳": ["comment"], "韩梅梅": ["comment"]}
    (said,) = notices.said(firm.stranger, Notice.objects.filter(user=firm.stranger.user))
    assert "客户在等报价" in said.text
    delegation.revoke(firm.seller, lent.pk)
    (said,) = notices.said(firm.stranger, Notice.objects.filter(user=firm.stranger.user, kind="comment"))
    assert ("客户在等报价" in said.text, said.url) == (False, "")
    commenting.write(firm.manager, visit.pk, "还在等")
    assert told()["韩梅梅"].count("comment") == 1


def test_who_only_reads_may_comment_and_who_sees_nothing_may_not(firm: Firm, visit: Activity) -> None:
    Grant.objects.filter(role__key="manager", entity__in=("activity", "*")).delete()
    role = Role.objects.get(key="manager")
    Grant.objects.bulk_create(
        Grant(role=role, entity="activity", action=a, scope=Grant.Scope.SUBTREE) for a in ("list", "read")
    )
    reader = Actor(User.objects.get(pk=firm.manager.user.pk))
    assert not access.may(reader, get("activity"), "update")
    commenting.write(reader, visit.pk, "只读也可以评论")
    url = f"/activity/{visit.pk}/comments"
    assert post(firm.stranger, visit, text="看不到的").status_code == 404
    assert browser(firm.stranger).get(url).status_code == 404
    for bound in (access.LOOK_ONLY, Limit.of(("activity:list", "activity:read")), Limit.of(("account:create",))):
        within = firm.seller.within(bound)
        with pytest.raises((Refused, Missing)):
            commenting.write(within, visit.pk, "只读的钥匙")
        with pytest.raises((Refused, Missing)):
            commenting.delete(within, visit.pk, Comment.objects.get().pk)
    portal = Actor(firm.admin.user, account=visit.account_id)
    with pytest.raises(Missing):
        commenting.write(portal, visit.pk, "客户")
    assert commenting.threads(portal, [visit.pk]) == {}
    records.delete_many(firm.seller, get("activity"), [visit.pk])
    assert post(firm.seller, visit, text="删掉了的").status_code == 404
    assert Comment.objects.count() == 1


def test_who_may_not_read_the_text_reads_no_comment(firm: Firm, visit: Activity) -> None:
    from zhike.base.models import FieldGrant

    commenting.write(firm.manager, visit.pk, "暗号")
    role = Role.objects.get(key="seller")
    FieldGrant.objects.create(role=role, entity="activity", key="body", level="hidden")
    seller = Actor(User.objects.get(pk=firm.seller.user.pk))
    assert commenting.threads(seller, [visit.pk]) == {}
    assert "暗号" not in browser(seller).get(f"/activity/{visit.pk}").content.decode()
    (said,) = notices.said(seller, Notice.objects.filter(user=seller.user))
    assert "暗号" not in said.text


def test_ones_own_is_changed_for_a_while_and_deleted_with_a_trace(firm: Firm, visit: Activity) -> None:
    comment = commenting.write(firm.manager, visit.pk, "写错了").comment
    for actor in (firm.seller, firm.executive):
        with pytest.raises(Refused):
            commenting.edit(actor, visit.pk, comment.pk, "别人改的")
        with pytest.raises(Refused):
            commenting.delete(actor, visit.pk, comment.pk)
    commenting.edit(firm.manager, visit.pk, comment.pk, f"@{firm.seller.user.name} 改好了", [str(firm.seller.user.pk)])
    assert told() == {"王芳": ["comment"]}  # one notice for one comment
    Comment.objects.update(created_at=timezone.now() - commenting.EDITABLE)
    with pytest.raises(Invalid):
        commenting.edit(firm.manager, visit.pk, comment.pk, "太晚了")
    commenting.delete(firm.manager, visit.pk, comment.pk)
    kept = Comment.objects.get()
    assert (kept.text, kept.deleted_at is None, Mention.objects.count()) == ("", False, 0)
    steps = History.objects.filter(record=visit.pk, action__startswith="comment").order_by("pk")
    assert [(s.action, s.actor) for s in steps] == [
        (action, firm.manager.user.pk) for action in ("comment", "comment.edit", "comment.delete")
    ]
    assert "删除了评论" in browser(firm.manager).get(f"/activity/{visit.pk}/history").content.decode()
    assert not notices.inbox(firm.seller.user.pk).filter(read_at=None).exists()
    (said,) = notices.said(firm.seller, Notice.objects.all())
    assert "改好了" not in said.text
    with pytest.raises(Missing):
        commenting.edit(firm.manager, visit.pk, comment.pk, "又来")
    other = commenting.write(firm.seller, visit.pk, "管理员可以删").comment
    commenting.delete(firm.admin, visit.pk, other.pk)
    assert Comment.objects.filter(deleted_at=None).count() == 0


def test_what_cannot_be_kept_is_told_and_given_back(firm: Firm, visit: Activity) -> None:
    answer = post(firm.manager, visit, text="  \r\n ", idempotency_key="k")
    assert (answer.status_code, "先写点评论内容" in answer.content.decode()) == (422, True)
    long = "长" * 100_000
    answer = post(firm.manager, visit, text=long, mention=str(firm.seller.user.pk), idempotency_key="k")
    html = answer.content.decode()
    assert (answer.status_code, f">{long}</textarea>" in html, 'value="k"' in html) == (422, True, True)
    assert f'name="mention" value="{firm.seller.user.pk}"' in html
    nasty = "<script>alert(1)</script> \u202egnp.exe @王芳 \x00<b>"
    answer = post(firm.manager, visit, text=nasty, mention=str(firm.seller.user.pk), idempotency_key="k")
    html = answer.content.decode()
    assert ("<script>alert" in html, "&lt;script&gt;" in html, 'dir="auto"' in html) == (False, True, True)
    again = post(firm.manager, visit, text="同一个，改了字", idempotency_key="k")
    assert (again.status_code, [c.text for c in Comment.objects.all()]) == (200, ["同一个，改了字"])


def test_a_name_in_the_composer(firm: Firm, account: Any) -> None:
    sent = {"kind": "note", "text": "@赵敏 和 @韩梅梅 请看", "idempotency_key": "k"}
    people = [str(firm.manager.user.pk), str(firm.stranger.user.pk)]
    headers = {"HX-Request": "true", "HX-Target": "timeline"}
    for _again in range(2):
        answer = browser(firm.seller).post(f"/account/{account.pk}/log", {**sent, "mention": people}, headers=headers)
    note = Activity._base_manager.get()
    assert "韩梅梅看不到这条记录" in answer.headers["HX-Trigger"].encode().decode("unicode_escape")
    assert '<span class="mention">@赵敏</span>' in answer.content.decode()
    assert told() == {"赵敏": ["mention"]}
    (said,) = notices.said(firm.manager, Notice.objects.all())
    assert said.url == f"/activity/{note.pk}"
    failed = {**sent, "next_on": "没有这一天", "mention": people}
    html = browser(firm.seller).post(f"/account/{account.pk}/log", failed, headers=headers).content.decode()
    assert f'name="mention" value="{firm.manager.user.pk}"' in html


def test_a_thread_in_the_time_line_shows_the_newest_and_how_many_there_are(firm: Firm, visit: Activity) -> None:
    for n in range(5):
        commenting.write(firm.manager, visit.pk, f"第{n}条")
    page = browser(firm.seller).get(f"/account/{visit.account_id}").content.decode()
    assert [f"第{n}条" in page for n in range(5)] == [False, False, True, True, True]
    assert "还有2条更早的评论" in page
    whole = browser(firm.seller).get(f"/activity/{visit.pk}/comments").content.decode()
    assert [f"第{n}条" in whole for n in range(5)] == [True] * 5
    mine = comment_pages.threads(firm.manager, [visit.pk])[visit.pk]["comments"]
    assert [bool(c["edit_url"]) for c in mine] == [True] * 3


def test_comments_stay_with_what_they_stand_under_through_a_merge(firm: Firm, visit: Activity) -> None:
    commenting.write(firm.manager, visit.pk, "并过去也在")
    other = create(firm.seller, "account", name="宝钢集团")
    assert visit.account_id
    merging.merge(firm.manager, get("account"), other.pk, [visit.account_id])
    page = browser(firm.seller).get(f"/account/{other.pk}").content.decode()
    assert "并过去也在" in page


def test_two_activities_made_one_have_the_comments_and_names_of_both(firm: Firm, account: Any) -> None:
    named = str(firm.manager.user.pk)
    made: list[Any] = []
    for n in range(2):
        sent = {"kind": "note", "text": f"@赵敏 第{n}次", "mention": named, "idempotency_key": f"k{n}"}
        browser(firm.seller).post(f"/account/{account.pk}/log", sent)
        made.append(Activity._base_manager.order_by("pk").last())
        commenting.write(firm.manager, made[n].pk, f"评论{n}")
    merging.merge(firm.manager, get("activity"), made[0].pk, [made[1].pk])
    page = browser(firm.seller).get(f"/activity/{made[0].pk}").content.decode()
    assert [f"评论{n}" in page for n in range(2)] == [True, True]
    told = notices.said(firm.seller, Notice.objects.filter(user=firm.seller.user, kind="comment"))
    assert {one.url.partition("#")[0] for one in told} == {f"/activity/{made[0].pk}"}


@pytest.mark.parametrize("thorough", [True, False])
def test_the_name_of_an_erased_person_goes_out_of_comments_around_them(
    firm: Firm, account: Any, thorough: bool
) -> None:
    """A bare name that others bear too means this person only under what is about them."""
    contact = create(firm.seller, "contact", name="赵敏", account=account.pk)
    with_them = create(firm.seller, "activity", kind="note", body="聊过", contact=contact.pk)
    elsewhere = create(firm.seller, "activity", kind="task", subject="内部")
    for activity in (with_them, elsewhere):
        commenting.write(firm.seller, activity.pk, "赵敏说下周答复")
    erasing.wipe(get("contact"), contact.pk, by=None, reason="", thorough=thorough)
    assert ["赵敏" in c.text for c in Comment.objects.order_by("created_at")] == [False, True]


def test_by_key(firm: Firm, visit: Activity) -> None:
    manager, reader = program(firm.manager.user), program(firm.seller.user, ["activity:list", "activity:read"])
    url = f"activity/{visit.pk}/comments"
    body = {"text": "@王芳 看看", "mentions": [str(firm.seller.user.pk), str(uuid4())]}
    made = manager("POST", url, body, Idempotency_Key="k1")
    assert (made.status_code, made.json()["unreached"], told()) == (201, [], {"王芳": ["mention"]})
    assert manager("POST", url, body, Idempotency_Key="k1").json()["id"] == made.json()["id"]
    (item,) = reader.get(url).json()["items"]
    assert (item["text"], item["author"]) == ("@王芳 看看", str(firm.manager.user.pk))
    assert reader("POST", url, {"text": "只读"}).status_code == 404
    assert manager("POST", url, {"text": " "}).status_code == 422
    assert program(firm.stranger.user).get(url).status_code == 404
    asked = reader.get("openapi.json").json()["paths"]["/activity/{id}/comments"]
    assert ("get" in asked, "post" in asked) == (True, False)
    assert "post" in manager.get("openapi.json").json()["paths"]["/activity/{id}/comments"]
