"""What a pasted business card or a line such as 张伟 13800138000 采购经理 @宝钢 says, as guesses for fields of a form.

Labels are the headings that lists are imported by; what has none is told by its shape: numbers, mails, sites, codes of
firms, legal forms, words of positions and departments, surnames. What is not understood is kept as the rest, so that
nothing that was pasted is lost. Every step looks at each character a bounded number of times.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from zhike.base import addresses, mail, names, phone, pinyin, uscc
from zhike.base.fold import fold as simple
from zhike.engine.tabular.aliases import index
from zhike.engine.tabular.folding import fold

LONGEST = 4_000  # characters that are read; what comes after is part of the rest
PIECES = 200
MEANINGS = {
    "name": "name", "family_name": "name", "given_name": "name", "salutation": "", "gender": "",
    "company": "company", "customer": "company", "phone": "tel", "mobile": "phone", "fax": "fax", "email": "email",
    "wechat": "wechat", "qq": "qq", "website": "website", "address": "address", "postcode": "postcode", "uscc": "uscc",
    "position": "position", "department": "department", "remark": "remark",
}  # fmt: skip
SHORT = {"m": "phone", "mp": "phone", "t": "tel", "p": "tel", "o": "tel", "c": "phone", "d": "phone",
         "e": "email", "f": "fax", "w": "website", "a": "address", "add": "address", "addr": "address", "h": "website",
         "http": "", "https": "", "办公": "tel", "直线": "tel", "总机": "tel", "v": "wechat", "vx": "wechat",
         "wx": "wechat", "微信同号": "wechat", "line": "remark", "行動": "phone", "邮政编码": "postcode"}  # fmt: skip
LABEL = re.compile(r"(?<![\w/])([^\W\d_][^\W\d_.\- ]{0,9}(?:[.\- ][^\W\d_]{1,8}){0,2})\s{0,2}\.?[:：]")
MAIL = re.compile(r"[\w.+%\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,6}")
SITE = re.compile(
    r"(?:https?://|www\.)[\w.\-/%?=&#~+:]{3,200}|(?<![\w.@])[a-z0-9\-]{2,40}\.(?:com|cn|net|org)(?:\.cn|\.tw|"
    r"\.hk)?(?![\w@])",
    re.IGNORECASE,
)
NUMBER = re.compile(
    r"(?<![0-9A-Za-z+])[+(]?\d[\d()\-\u2013. ]{4,24}\d(?:\s?(?:转|轉|分机|分機|ext\.?|#|x)\s?\d{1,6})?(?![0-9A-Za-z])",
    re.IGNORECASE,
)
CELL = re.compile(r"\+8869|\+852[5-79]|\+8536")  # mobiles beyond the mainland that may be labelled as telephones
CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Z]{18}(?![0-9A-Za-z])")
AT = re.compile(r"[@＠]([^\s@,，;；|]{2,60})")
FORM = re.compile(
    r"股份有限公司|有限责任公司|有限公司|总公司|分公司|公司|集团|集團|株式会社|事务所|事務所|工作室|银行|銀行|"
    r"大学|大學|学院|医院|醫院|研究院|研究所|办事处|合作社|商行|酒店|工厂|厂(?=$|\s)|廠(?=$|\s)"
)
LATIN_FORM = re.compile(
    r"\b(?:Co\.?,? ?Ltd|Ltd|Limited|Inc|LLC|GmbH|Corp|Corporation|Company|Group|Holdings|PLC|S\.A|Pte|University|"
    r"Institute|Hospital|Bank)\b",
    re.IGNORECASE,
)
TITLE = re.compile(
    r"经理|經理|总监|總監|主管|主任|工程师|工程師|总裁|總裁|董事|总经理|助理|专员|專員|顾问|顧問|代表|会计|會計|设计师|設計師|教授|"
    r"院长|院長|厂长|廠長|店长|店長|科长|科長|处长|處長|部长|部長|组长|組長|课长|課長|协理|協理|副总|副總|采购员|业务员|業務員|"
    r"秘书|秘書|律师|律師|医生|醫師|老师|老師|创始人|創辦人|合伙人|合夥人|负责人|負責人|销售|采购|客服|专家|架构师|出纳|首席\w{1,6}官"
)
LATIN_TITLE = re.compile(
    r"\b(?:Manager|Director|Engineer|President|Officer|Assistant|Consultant|Executive|Head|Specialist|Buyer|VP|"
    r"CEO|CTO|CFO|COO|CMO|CIO|Founder|Partner|Lead|Supervisor|Representative|Professor|Secretary|Accountant|"
    r"Chairman|Analyst|Designer)\b",
    re.IGNORECASE,
)
UNIT = re.compile(r"(?:部|事业部|事業部|中心|处|處|科|室|组|組|课|課)$")
LATIN_UNIT = re.compile(r"\b(?:Department|Dept|Division|Team)\b", re.IGNORECASE)
STREET = re.compile(r"[路街道巷弄号號樓楼室厦廈园園村镇鎮座]")
LATIN_STREET = re.compile(
    r"\b(?:Road|Rd|Street|St|Avenue|Ave|Floor|Fl|Building|Tower|Lane|District|Block|Suite|Room|Rm|Boulevard|"
    r"Blvd)\b\.?|\d/F",
    re.IGNORECASE,
)
PARTS = re.compile(r",(?!\s?(?:Ltd|Inc|LLC|Limited|Corp)\b)|/(?!F\b)", re.IGNORECASE)
HAN_NAME = re.compile(r"[\u3400-\u9fff]{2,4}")
MINORITY = re.compile(r"[\u3400-\u9fff]{1,8}[·•][\u3400-\u9fff]{1,10}")
LATIN_NAME = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )?[A-Z][a-z'\-]{1,19}(?: [A-Z]\.?)?(?: [A-Z][A-Za-z'\-]{1,19}){1,3}"
)
# The surnames of about 97 of 100 people (公安部户政管理研究中心, 二〇二〇年全国姓名报告; 百家姓 for the rarer ones).
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹"
    "熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严赖覃洪武莫孔汤向常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚"
    "符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席"
    "卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻"
)
CALLED = re.compile(r"(?:先生|女士|小姐|老师|老師|总|總|工)$")
BEFORE_TITLE = frozenset(
    re.findall(
        r"\w+",
        "高级 高級 安全 项目 方案 水利 施工 成本 车间 金融 常务 商务 商務 安装 包装 华东 华南 华北 华中 应收 党委 全国 "
        "左右 时装 海外 易耗 文秘",
    )
)
# Names that people write before an account without a colon.
BARE = re.compile(r"(?<!\w)(微信号?|微信號|WeChat|VX|QQ)\s{0,3}(?=[A-Za-z0-9][\w\-]{4,19}(?![\w@.]))", re.IGNORECASE)


@dataclass
class Card:
    """Guesses by meaning: name, position, department, company, phone, landline, fax, email, wechat, qq, website,
    address, postcode, uscc; and in `rest` what stands in the text and is none of them, line by line."""

    values: dict[str, str] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def put(self, meaning: str, value: str) -> bool:
        """Keep a value, the first of its meaning; whether it was kept."""
        if not (value := value.strip(" ,，.;；:：|/·-")) or meaning in self.values:
            return False
        self.values[meaning] = value
        return True


def read(text: str) -> Card:
    """The guesses; never raises, whatever the text is."""
    card = Card()
    whole = unicodedata.normalize("NFKC", text[:LONGEST]).replace("\x00", "")
    whole = BARE.sub(r"\1: ", whole)
    if beyond := text[LONGEST:].strip():
        card.rest.append(beyond)
    pieces = [piece for line in re.split(r"[\r\n\t|;]+", whole) for piece in _labelled(line)]
    for label, piece in pieces[:PIECES]:
        rest = _by_label(card, label, piece) if label else _by_shape(card, piece)
        _by_words(card, rest)
    card.rest += [piece for _label, piece in pieces[PIECES:] if piece.strip()]
    return card


def _labelled(line: str) -> Iterator[tuple[str, str]]:
    """A line cut at its labels: (meaning or "", text)."""
    start, said = 0, ""
    for match in LABEL.finditer(line):
        for label in dict.fromkeys((match[1], re.split(r"[ ]", match[1])[-1])):
            meaning = _meaning(label)
            if meaning is not None:
                if before := line[start : match.end(1) - len(label)].strip():
                    yield said, before
                start, said = match.end(), meaning
                break
    if left := line[start:].strip():
        yield said, left


def _meaning(label: str) -> str | None:
    plain = label.strip().lower()
    if plain in SHORT:
        return SHORT[plain] or None
    meaning = index().get(fold(label))
    return MEANINGS.get(meaning) if meaning in MEANINGS else None


def _by_label(card: Card, label: str, text: str) -> str:
    """What a label says of the text behind it; what follows it there is looked at by its shape."""
    if label in ("phone", "tel", "fax"):
        match = NUMBER.search(text)
        if match and _number(card, match[0], label):
            return _by_shape(card, f"{text[: match.start()]} {text[match.end() :]}")
        return _by_shape(card, text)
    if label == "email":
        return _by_shape(card, text)
    if label in ("wechat", "qq", "website", "postcode", "uscc"):
        first, _sep, rest = text.partition(" ")
        if card.put(label, first):
            return _by_shape(card, rest)
        return text
    if label == "name":
        text = " ".join(_joined(text.split()))
    if label == "remark" or not card.put(label, text):
        card.rest.append(text)
    return ""


def _number(card: Card, text: str, label: str = "") -> bool:
    """Keep a number, or the several that stand there; a second one goes to the other field."""
    parts = phone.split(text)
    if len(parts) > 1 and not phone.parse(text).number:
        kept = [_number(card, part, label) for part in parts]
        card.rest += [part for part, done in zip(parts, kept, strict=True) if not done and any(kept)]
        return any(kept)
    found = phone.parse(text)
    if not found.number or found.kind is phone.Kind.SHORT:
        return False
    if label == "fax":
        return card.put("fax", text)
    fixed = found.kind in (phone.Kind.LANDLINE, phone.Kind.SERVICE)
    fixed |= label == "tel" and found.kind is phone.Kind.FOREIGN and not CELL.match(found.number)
    order = ("landline", "phone") if fixed else ("phone", "landline")
    return card.put(order[0], text) or card.put(order[1], text)


def _by_shape(card: Card, text: str) -> str:
    """Takes out of a text what shows by its shape, and gives what is left."""
    shapes: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
        (MAIL, lambda found: mail.problem(found) is None and card.put("email", mail.normalise(found))),
        (AT, lambda found: card.put("company", found[1:])),
        (SITE, lambda found: card.put("website", found)),
        (CODE, lambda found: uscc.problem(found) is None and card.put("uscc", found)),
        (NUMBER, lambda found: _number(card, found)),
    )
    for pattern, keep in shapes:
        text = pattern.sub(lambda m, keep=keep: " \n " if keep(m[0]) else m[0], text)  # type: ignore[misc]
    return text


def _by_words(card: Card, text: str) -> None:
    """Position, department, company, address and name of what is left; the rest is kept."""
    for line in re.split(r"\n|、| {2,}", text):
        whole = line.strip(" .,:-·")
        if _is_latin(whole) and re.search(r"\d", whole) and LATIN_STREET.search(whole) and card.put("address", whole):
            continue
        for part in PARTS.split(line):
            if words := part.strip(" .,:-·"):
                _part(card, words)


def _part(card: Card, text: str) -> None:
    if _is_latin(text):
        _latin(card, text)
        return
    if _is_address(text) and card.put("address", text):
        return
    tokens = _joined(text.split())
    for token in tokens:
        for word in [token] if CALLED.search(token) else _glued(token):
            _word(card, word)


def _is_latin(text: str) -> bool:
    return not re.search(r"[\u3400-\u9fff]", text)


def _latin(card: Card, text: str) -> None:
    shapes = {"address": LATIN_STREET, "company": LATIN_FORM, "position": LATIN_TITLE, "department": LATIN_UNIT}
    for meaning, pattern in shapes.items():
        if pattern.search(text) and card.put(meaning, text):
            return
    if LATIN_NAME.fullmatch(text) and card.put("name", text):
        return
    card.rest.append(text)


def _is_address(text: str) -> bool:
    if len(text) < 6 or not STREET.search(text) or (FORM.search(text) and not re.search(r"\d", text)):
        return False
    return addresses.parse(text).code is not None or bool(re.search(r"[路街道巷弄].{0,12}\d", text))


def _joined(words: list[str]) -> list[str]:
    """张 伟 as one word."""
    found: list[str] = []
    for word in words:
        if found and len(word) == 1 and len(found[-1]) == 1 and _is_surname(found[-1]) and not word.isascii():
            found[-1] += word
        else:
            found.append(word)
    return found


def _is_surname(text: str) -> bool:
    return len(text) == 1 and simple(text) in SURNAMES


def _glued(word: str) -> list[str]:
    """宝山钢铁股份有限公司采购部经理 as company, department and position; 张伟采购经理 as name and position."""
    found = []
    form = max(FORM.finditer(word), key=re.Match.end, default=None)
    if form and form.start() and form.end() < len(word) and not word[form.end() :].startswith(("(", "分", "第")):
        found, word = [word[: form.end()]], word[form.end() :]
    cut = re.match(r"[\u3400-\u9fffA-Za-z]{1,12}?(?:事业部|事業部|部|中心|处|處)(?=[\u3400-\u9fff]{2,10}$)", word)
    if cut and TITLE.search(word[cut.end() :]):
        found, word = [*found, cut[0]], word[cut.end() :]
    if TITLE.search(word) and not UNIT.search(word):
        cuts = [(word[:n], word[n:], 0) for n in (3, 2)] + [(word[-n:], word[:-n], 1) for n in (3, 2)]
        fitting = [cut for cut in cuts if _is_person_with(cut[0], cut[1])]
        if fitting:  # the most words of positions, then the longer name
            person, post, _last = max(fitting, key=lambda cut: (len(TITLE.findall(cut[1])), len(cut[0])))
            return [*found, person, post]
    return [*found, word]


def _is_person_with(person: str, post: str) -> bool:
    return (
        _is_name(person)
        and person not in BEFORE_TITLE
        and not TITLE.search(person)
        and bool(post)
        and any(m.end() == len(post) for m in TITLE.finditer(post))
    )


def _is_name(text: str) -> bool:
    if MINORITY.fullmatch(text):
        return True
    if not HAN_NAME.fullmatch(text):
        return False
    return pinyin.is_surname(text[:2]) if len(text) == 4 else _is_surname(text[:1]) or pinyin.is_surname(text[:2])


def _word(card: Card, word: str) -> None:
    bare = CALLED.sub("", word)
    called = bare != word and (_is_surname(bare) or _is_name(bare))
    if called and card.put("name", word if len(bare) == 1 else bare):
        return
    if (form := FORM.search(word)) and form.start() and card.put("company", word):
        return
    if UNIT.search(word) and len(word) > 2 and card.put("department", word):
        return
    if TITLE.search(word) and not UNIT.search(word) and card.put("position", word):
        return
    if _is_name(word) and card.put("name", word):
        return
    if len(word) > 2 and names.has_form(word) and card.put("company", word):
        return
    card.rest.append(word)
