"""What the firm of the benches is made of: names, words, and the twenty fields that its administrator added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CITIES = (
    "上海", "苏州", "宁波", "杭州", "深圳", "东莞", "佛山", "青岛", "天津", "合肥", "武汉", "成都", "西安", "长沙",
    "北京", "广州", "南京", "无锡", "常州", "嘉兴", "温州", "厦门", "福州", "济南", "郑州", "重庆", "昆明", "大连",
)  # fmt: skip
STEMS = "华安恒信德瑞金宏嘉盛泰达远航天星海润丰源明光永联合新锐博科创智中元"
TRADES = (
    "精密机械", "电子科技", "自动化设备", "医疗器械", "新材料", "包装制品", "环保工程", "食品", "服饰", "物流", "软件",
    "模具", "化工", "建材", "汽车部件", "照明", "仪器仪表", "农业科技", "信息技术", "装饰工程",
)  # fmt: skip
FORMS = (
    "有限公司", "股份有限公司", "有限责任公司",
)  # fmt: skip
PROJECTS = (
    "设备采购", "年度框架协议", "生产线改造", "系统升级", "备件供应", "新厂建设", "样机试用", "维保续签",
)  # fmt: skip
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗曾单解仇查朴区"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲"
SUBJECTS = (
    "电话沟通报价", "拜访客户", "寄送样品", "技术交流", "催收货款", "讨论合同", "确认交期", "回访使用情况", "会议纪要",
    "处理投诉", "演示产品", "约定拜访", "发送方案", "跟进招标", "节日问候", "对账",
)  # fmt: skip
REMARKS = (
    "客户对价格有顾虑，希望月底前给出新报价", "已约下周二上门拜访", "需要技术部支持参数确认",
    "对方采购负责人出差，改天再联系",
    "样品测试通过，准备小批量下单", "竞争对手报价低百分之五", "合同条款还在法务审核", "付款周期希望延长到九十天",
    "现场查看了生产线，设备老旧", "预算已经批复，等待招标公告",
)  # fmt: skip
WHOM = ("张经理", "李总", "王工", "采购部", "财务部", "陈厂长", "赵主任", "生产部")


class Custom(NamedTuple):
    """A field that an administrator added, and how often it is filled in, from 0 to 1; `sql` gives it for row d."""

    kind: str
    label: str
    sql: str
    filled: float = 1.0
    choices: Sequence[str] = ()


def _one_of(draw: str, words: Sequence[str]) -> str:
    return f"('{{{','.join(words)}}}'::text[])[1 + floor({draw} * {len(words)})::int]"


def _choice(label: str, draw: str, words: str, filled: float = 1.0) -> Custom:
    return Custom("choice", label, _one_of(draw, words.split()), filled, words.split())


def _day(draw: str, before: int, span: int) -> str:
    return f"(current_date - {before} + floor({draw} * {span})::int)::text"


CUSTOM: Mapping[str, Custom] = {
    "x_grade": _choice("合作等级", "d.a ^ 2", "a b c d e"),
    "x_channel": _choice("合作渠道", "d.b", "direct agent online partner tender walk_in"),
    "x_region_team": _choice("服务团队", "d.c", "east south west north centre export key online"),
    "x_payment": _choice("付款方式", "d.e", "prepaid cod net30 net60"),
    "x_risk": _choice("风险", "d.a * d.b", "low middle high", 0.6),
    "x_code": Custom("text", "内部编码", "'K' || d.n * 7"),
    "x_contract": Custom("text", "合同号", "'HT-' || 2020 + mod(d.n, 7) || '-' || d.n", 0.5),
    "x_group": Custom("text", "微信群", "'服务群' || mod(d.n, 4000)", 0.4),
    "x_score": Custom("decimal", "评分", "round((d.b * d.c * 1000)::numeric, 1)"),
    "x_staff": Custom("integer", "技术人员", "floor(d.c * 300)::int"),
    "x_visits": Custom("integer", "年拜访次数", "floor(d.e * 24)::int"),
    "x_machines": Custom("integer", "在用设备", "floor(d.a * d.e * 80)::int", 0.6),
    "x_budget": Custom("money", "年度预算", "round((d.e * d.b * 5000000)::numeric, 2)"),
    "x_credit": Custom("money", "信用额度", "floor(d.a * 50) * 10000", 0.5),
    "x_signed_on": Custom("date", "首次签约", _day("d.b", 2000, 1900), 0.6),
    "x_renewal_on": Custom("date", "续约日期", _day("d.c", 200, 700)),
    "x_audit_on": Custom("date", "验厂日期", _day("d.a", 900, 1000), 0.4),
    "x_vip": Custom("boolean", "重点客户", "true", 0.08),
    "x_invoice": Custom("boolean", "专票", "true", 0.7),
    "x_lines": Custom(
        "multichoice", "产品线",
        "(ARRAY['press','weld','robot','cnc','laser','spare'])[1 + floor(d.a * 4)::int : 2 + floor(d.a * 4)::int]",
        1.0, ("press", "weld", "robot", "cnc", "laser", "spare"),
    ),
}  # fmt: skip


def document() -> dict[str, Any]:
    """The configuration that says what the twenty fields are."""
    fields: dict[str, Any] = {}
    for key, one in CUSTOM.items():
        spec: dict[str, Any] = {"kind": one.kind, "labels": {"zh-hans": one.label, "zh-hant": one.label, "en": key}}
        if one.choices:
            spec["choices"] = [{"key": k, "labels": {"zh-hans": k, "zh-hant": k, "en": k}} for k in one.choices]
        fields[key] = spec | {"indexed": key == INDEXED, "privacy": "internal"}
    return {"fields": {"account": fields}}


FILTERED, INDEXED = "x_grade", "x_score"
