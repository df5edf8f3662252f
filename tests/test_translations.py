"""The texts of the product: all translated, in the right script, and all where the translations find them."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from django.utils import translation
from jinja2 import Environment

from zhike.engine.entity import AnyEntity, entities

ROOT = Path(__file__).resolve().parents[1]
ZHIKE = ROOT / "zhike"
LANGUAGES = ("zh_Hans", "zh_Hant", "en")
CHINESE = ("zh_Hans", "zh_Hant")
HAN = re.compile("[\u3400-\u9fff]")
HAN_OR_WIDE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")  # also “、” between words and “：” after a label
# Where Chinese words are no texts for the reader but words that Zhike itself reads, or samples.
WORD_LISTS = (
    "engine/cards.py",  # what stands on business cards
    "engine/formula/parse.py",
    "engine/formula/words.py",
    "engine/tabular/",
    "engine/transfer/planning.py",
    "engine/typed",  # what people type in the filter line
    "web/templates/ui/index.html",
)
KNOWN_WORDS = {
    "base/passwords.py": {"知客"},  # a word that a password may not be made of
    "cli/config.py": {"是"},  # an answer
    "engine/formula/check.py": {"、"},
    "engine/kinds.py": {*"是有對对真否无無假", "%％", ";；、，\n"},
    "engine/privacy/needles.py": {r"[ \-–—()（）.·]*"},  # what stands between the digits of a number
    "modules/activities/entities.py": {"跟进记录", "拜访记录", "日程"},  # what files are called, like the next five
    "modules/customers/entities.py": {"公司", "企业", "单位", "公司列表", "人员", "通讯录"},
    "modules/leads/entities.py": {"潜在客户"},
    "modules/promises/entities.py": {"承诺事项", "客户承诺"},
    "modules/targets/entities.py": {"业绩目标", "销售目标", "任务指标"},
    "modules/sales/entities.py": {"商品", "价目表", "业务机会", "交易"},
    "web/import_columns.py": {"千", "万", "百万", "亿"},  # units as they stand in the headings of a file
    "modules/assigning/document.py": {"－", "：", "、", "，"},  # hours as they are typed
    "modules/assigning/pages/sheets.py": {"，"},  # between words
    "web/pool_settings.py": {"，"},  # between numbers of days
    "web/grid.py": {"，、;；\n"},  # between the values of a cell
    "web/palette.py": {"＠", "＃", "？", "宝钢", "宝gang", "zw 宝钢"},  # signs and examples of what may be typed
    "web/templating.py": {"年", "月", "日 "},  # dates of the Chinese screens
    "web/templates/web/settings_policy.html": {  # the standard is known by this name in every language
        (
            "Two standards contradict each other: OWASP ASVS 5 forbids rules of composition and forced changes of "
            "passwords, GB/T 22239 (等保) demands both; choose the one you answer for."
        )
    },
    "web/templates/web/settings_pipeline.html": {"简体中文", "繁體中文"},  # each language by its own name
}
STORED_TEXTS = {
    "zhike/web/calendars.py",  # names of holidays as a package gives them; HOLIDAYS lists them for the collection
    "zhike/engine/notices/saying.py",
    "zhike/api/docs.py",
    "zhike/api/problems.py",
}  # marked where they are stored
# How many of the first arguments are texts.
CALLS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
CALLS |= {"pgettext": 2, "pgettext_lazy": 2, "npgettext": 3, "npgettext_lazy": 3}
# Simplified forms that Big5 holds all the same, because it holds rare characters of the same shape.
SIMPLIFIED_IN_BIG5 = set("万与个么价优体党厂听坏宁怜惊扑机极构柜洁洒痒种胜苹虫蚕触适离")
PLACEHOLDER = r"(?:%\(\w+\)[\d.]*[a-z]|%s|\{\w*\})"
BESIDE_HAN = re.compile(rf"(?:[\u3400-\u9fff]|{PLACEHOLDER})[,;:!?()\"]|[,;:!?()\"](?:[\u3400-\u9fff]|{PLACEHOLDER})")


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "scripts" / "translations.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    before = Path.cwd()
    os.chdir(ROOT)  # the script works on the checkout it is started in
    yield load_script()
    os.chdir(before)


@pytest.fixture(scope="module")
def code(script: ModuleType) -> Catalog:
    found = script.collected()
    assert isinstance(found, Catalog)
    return found


def strings(message: Any) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def translations(script: ModuleType, language: str) -> list[tuple[str, str]]:
    return [(script.key(m), text) for m in script.real(script.load(language)) for text in strings(m)]


def test_the_collection_sees_every_way_of_marking_a_text(script: ModuleType, code: Catalog) -> None:
    assert {
        (None, "Customer"),  # gettext_lazy in a model
        ("of a person", "Name"),  # pgettext_lazy in a model
        (None, "%(what)s saved."),  # gettext in a view
        (None, "%(n)s record handed over."),  # ngettext in a view
        (None, "Keyboard shortcuts"),  # _() in a template
        (None, "One thing needs your attention"),  # ngettext in a template
        (None, "usage: "),  # gettext in the command line
    } <= {(message.context, script.key(message)) for message in script.real(code)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_the_same_placeholders(script: ModuleType, code: Catalog, language: str) -> None:
    assert list(script.faults_of(language, code)) == []


@pytest.mark.parametrize(
    ("text", "translation", "same"),
    [
        ("%(what)s saved.", "%(what)s已保存。", True),
        ("%(what)s saved.", "%(which)s已保存。", False),
        ("%(what)s saved.", "已保存。", False),
        ("%(wait).1f s", "%(wait)d 秒", False),
        ("“{card}” is back in {stage}", "“{card}”已回到“{stage}”", True),
        ("“{card}” is back in {stage}", "“{card}”已回到", False),
        ("contains {}", "包含", False),
        ("%(used)d %% in use", "已用%(used)d%%", True),
    ],
)
def test_other_placeholders_are_noticed(script: ModuleType, text: str, translation: str, same: bool) -> None:
    assert (script.placeholders(text) == script.placeholders(translation)) is same


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_templates_can_be_filled(script: ModuleType, code: Catalog, language: str) -> None:
    """Jinja2 fills every text with %, also one without placeholders: a lone % would end in an error page."""
    catalogue = script.load(language)
    for message in script.real(code):
        if not any(file.endswith(".html") for file, _line in message.locations):
            continue
        found = catalogue.get(message.id, message.context)
        for text in script.texts_of(message) + (strings(found) if found else []):
            names = re.findall(r"%\((\w+)\)", text)
            assert text % dict.fromkeys(names, 7) != "", text


@pytest.mark.parametrize(("language", "encoding"), [("zh_Hans", "gb2312"), ("zh_Hant", "big5")])
def test_each_script_keeps_to_its_own_characters(script: ModuleType, language: str, encoding: str) -> None:
    """GB 2312 holds simplified characters only, Big5 traditional ones (with few exceptions)."""
    wrong = {}
    for english, text in translations(script, language):
        lost = set(text) - set(text.encode(encoding, "ignore").decode(encoding))
        if language == "zh_Hant":
            lost |= set(text) & SIMPLIFIED_IN_BIG5
        if lost:
            wrong[english] = "".join(sorted(lost))
    assert wrong == {}


@pytest.mark.parametrize("language", CHINESE)
def test_punctuation_between_han_characters_is_full_width(script: ModuleType, language: str) -> None:
    half = [text for _english, text in translations(script, language) if BESIDE_HAN.search(text)]
    full_stops = [text for _english, text in translations(script, language) if re.search(r"[㐀-鿿]\.(\s|$)", text)]
    assert (half, full_stops) == ([], [])


@pytest.mark.parametrize("text", ["客户, 联系人", "客户:甲", "（客户)", "%(what)s已保存!", "共%(n)s条:", '"客户"'])
def test_half_width_punctuation_is_noticed(text: str) -> None:
    assert BESIDE_HAN.search(text)


@pytest.mark.parametrize(
    "text", ["客户、联系人：甲（%(what)s）", "写成2026-11-21 15:30这样", "JSON：{A: B}", "使用.xlsx"]
)
def test_ordinary_punctuation_passes(text: str) -> None:
    assert not BESIDE_HAN.search(text)


@pytest.mark.parametrize(("language", "other"), [("zh_Hans", "「」『』"), ("zh_Hant", "“”‘’")])
def test_quotation_marks_are_those_of_the_region(script: ModuleType, language: str, other: str) -> None:
    assert [text for _english, text in translations(script, language) if set(text) & set(other)] == []


@pytest.mark.parametrize("language", CHINESE)
def test_no_translation_is_english(script: ModuleType, language: str) -> None:
    foreign = {text for _english, text in translations(script, language) if not HAN.search(text)}
    named = {"QQ", "Parquet（.parquet）"}
    assert {text for text in foreign if re.search("[A-Za-z]", re.sub(PLACEHOLDER, "", text))} == named


@pytest.mark.parametrize("language", CHINESE)
def test_the_product_has_its_chinese_name(script: ModuleType, language: str) -> None:
    catalogue = script.load(language)
    assert catalogue.get("Zhike").string == "知客"
    assert [t for e, t in translations(script, language) if "Zhike" in e and "知客" not in t] == []


def spoken(entity: AnyEntity) -> Iterator[tuple[str, Any]]:
    """Everything that the declaration of an entity puts on a page."""
    yield from ((f"{entity.key}: itself", text) for text in (entity.label, entity.plural))
    for a in entity.attributes.values():
        if a.key in {*entity.columns, *entity.filters, *entity.quick, *(k for s in entity.sections for k in s.keys)}:
            yield f"{entity.key}.{a.key}", a.label
            yield from ((f"{entity.key}.{a.key}={value}", label) for value, label in a.choices)
    for part in (*entity.sections, *entity.views, *entity.related, *entity.actions.values()):
        yield f"{entity.key}: {part}", getattr(part, "title", "") or getattr(part, "label", "")


def test_every_word_of_the_entities_can_be_translated(script: ModuleType, code: Catalog) -> None:
    """Django makes up names for fields and plurals that were forgotten; those are in no catalogue."""
    known = {text for message in script.real(code) for text in script.texts_of(message)} | {""}
    with translation.override("en"):
        foreign = [where for entity in entities().values() for where, text in spoken(entity) if str(text) not in known]
    assert foreign == []


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ZHIKE / folder).rglob("*.py"))]
    return [path for path in found if not {"tests", "migrations", "conftest.py"} & set(path.parts)]


def called(node: ast.AST) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr if function.attr != "_" else ""
    return function.id if isinstance(function, ast.Name) else ""


def unmarked(source: str) -> list[int]:
    """Lines where a translation is asked for something other than a plain text."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and called(node) in CALLS
        for argument in node.args[: CALLS[called(node)]]
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str))
    ]


def test_only_plain_texts_are_given_to_the_translation() -> None:
    """No f-string, no sum, no variable: the collection could not see the text."""
    found = {str(path.relative_to(ROOT)): unmarked(path.read_text("utf-8")) for path in sources("")}
    assert {file for file, lines in found.items() if lines} - STORED_TEXTS == set()


@pytest.mark.parametrize(
    "line",
    ['_(f"Hello {name}")', '_("Hello " + name)', "_(name)", '_("Hello %s" % name)', 'ngettext("one", f"{n}", n)'],
)
def test_other_things_than_plain_texts_are_noticed(line: str) -> None:
    assert unmarked(line) == [1]


def chinese_in_python(source: str) -> list[str]:
    """Literals with Han characters or full-width marks, but for docstrings and labels given in all three languages."""
    tree = ast.parse(source)
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            skipped.add(body[0].value)
        if isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            skipped |= set(node.values) if {"zh-hans", "zh-hant", "en"} <= keys else set()
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if HAN_OR_WIDE.search(node.value) and node not in skipped
    ]


def chinese_in_template(source: str) -> list[str]:
    tokens = Environment(autoescape=True).lex(source)
    return [value for _line, kind, value in tokens if kind in ("data", "string") and HAN_OR_WIDE.search(value)]


def test_no_chinese_stands_in_the_code() -> None:
    """Every text for the reader goes through the catalogues, so that all languages have it."""
    found: dict[str, list[str]] = {}
    for path in sources("web", "engine", "modules", "cli", "launch", "jobs"):
        found[path.relative_to(ZHIKE).as_posix()] = chinese_in_python(path.read_text("utf-8"))
    for path in sorted([*ZHIKE.glob("web/templates/**/*.html"), *ZHIKE.glob("modules/*/templates/**/*.html")]):
        found[path.relative_to(ZHIKE).as_posix()] = chinese_in_template(path.read_text("utf-8"))
    new = {
        file: [text for text in texts if text.strip("\"'") not in KNOWN_WORDS.get(file, ())]
        for file, texts in found.items()
        if not file.startswith(WORD_LISTS)
    }
    assert {file: texts for file, texts in new.items() if texts} == {}


def test_chinese_in_the_code_is_noticed() -> None:
    assert chinese_in_python(
        '"""说明"""\nx = "客户"\ny = {"zh-hans": "客户", "zh-hant": "客戶", "en": "Customer"}'
    ) == ["客户"]
    assert chinese_in_template('{# 说明 #}<b title="{{ "客户" }}">商机</b>') == ['"客户"', '">商机</b>']
