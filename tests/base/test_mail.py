"""E-mail addresses."""

from __future__ import annotations

import pytest

from zhike.base import mail


@pytest.mark.parametrize(
    ("text", "address", "problem"),
    [
        ("zhang@Example.COM", "zhang@example.com", None),
        ("ｚｈａｎｇ＠example。com", "zhang@example.com", None),
        ("邮箱：zhang@example.com", "zhang@example.com", None),
        ("张伟 <zhang@example.com>", "zhang@example.com", None),
        ("<zhang@example.com>", "zhang@example.com", None),
        ("mailto:zhang@example.com", "zhang@example.com", None),
        ("Zhang.Wei+crm@mail.example.com.cn", "Zhang.Wei+crm@mail.example.com.cn", None),
        ("张伟@例子.公司", "张伟@例子.公司", None),
        ("", "", "empty"),
        ("zhang.example.com", "zhang.example.com", "no_at"),
        ("zhang wei@example.com", "zhang wei@example.com", "spaces"),
        (".zhang@example.com", ".zhang@example.com", "local"),
        ("zh@ng@example.com", "zh@ng@example.com", "local"),
        ("zhang@example", "zhang@example", "domain"),
        ("zhang@-example.com", "zhang@-example.com", "domain"),
        ("zhang@example..com", "zhang@example..com", "domain"),
        ("zhang@10.0.0.1", "zhang@10.0.0.1", "domain"),
        ("a" * 65 + "@example.com", "a" * 65 + "@example.com", "local"),
        ("a@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60 + "." + "f" * 20 + ".com", None, "length"),
    ],
)
def test_normalise_and_problem(text: str, address: str | None, problem: str | None) -> None:
    assert mail.problem(text) == problem
    if address is not None:
        assert mail.normalise(text) == address


def test_key_mask_split() -> None:
    assert mail.key("Zhang@Example.com") == "zhang@example.com"
    assert mail.mask("zhangwei@example.com") == "zh****@example.com"
    assert mail.mask("z@example.com") == "****@example.com"
    assert mail.mask("zhangwei") == "****"
    assert mail.split("a@x.com；b@y.com / c@z.com") == ["a@x.com", "b@y.com", "c@z.com"]
    assert mail.split("张伟 <a@x.com>") == ["张伟 <a@x.com>"]
    assert mail.split(" ") == []
