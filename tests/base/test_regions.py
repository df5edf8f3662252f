"""Divisions of China and addresses."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.base import regions


def test_tree() -> None:
    assert len(regions.children()) == 34
    assert regions.children("110000")[:3] == ["110101", "110102", "110105"]
    assert regions.path("110105") == ["110000", "110105"]
    assert regions.path("440305") == ["440000", "440300", "440305"]
    assert regions.path("429004") == ["420000", "429004"]
    for city in ("441900", "442000", "460400", "620200"):
        assert regions.children(city) == []
        assert regions.parent(city) == city[:2] + "0000"
    assert regions.parent("110000") is None
    assert regions.path("999999") == []
    assert regions.children("999999") == []


def test_every_division_has_a_way_up_and_three_names() -> None:
    for code, region in regions.table().items():
        assert regions.path(code)[-1] == code
        assert regions.path(code)[0] == code[:2] + "0000"
        assert all((region.name, region.hant, region.english)), code
        assert not region.successor or regions.exists(region.successor)


def test_every_division_is_somebodys_child() -> None:
    reached = []
    waiting = regions.children(dissolved=True)
    while waiting:
        reached.append(waiting.pop())
        waiting += regions.children(reached[-1], dissolved=True)
    assert sorted(reached) == list(regions.table())


@pytest.mark.parametrize(
    ("code", "hans", "hant", "english"),
    [
        ("150000", "内蒙古自治区", "內蒙古自治區", "Inner Mongolia"),
        ("540000", "西藏自治区", "西藏自治區", "Xizang"),
        ("610000", "陕西省", "陝西省", "Shaanxi"),
        ("140000", "山西省", "山西省", "Shanxi"),
        ("710000", "台湾省", "臺灣省", "Taiwan"),
        ("810000", "香港特别行政区", "香港特別行政區", "Hong Kong"),
        ("820000", "澳门特别行政区", "澳門特別行政區", "Macao"),
        ("610100", "西安市", "西安市", "Xi'an"),
        ("341500", "六安市", "六安市", "Lu'an"),
        ("371722", "单县", "單縣", "Shan County"),
        ("420625", "谷城县", "谷城縣", "Gucheng County"),
        ("500100", "重庆市", "重慶市", "Chongqing"),
        ("44", "广东省", "廣東省", "Guangdong"),
    ],
)
def test_names(code: str, hans: str, hant: str, english: str) -> None:
    assert regions.name(code) == hans
    assert regions.name(code, "zh-hant") == hant
    assert regions.name(code, "en") == english


def test_full_names_and_problems() -> None:
    assert regions.full_name("440305") == "广东省深圳市南山区"
    assert regions.full_name("440305", "en") == "Nanshan District, Shenzhen, Guangdong"
    assert regions.path_names("440305", "zh-hant") == ["廣東省", "深圳市", "南山區"]
    assert [regions.problem(code) for code in ("440305", "44", "4403", "999999", "44030", "x", "500105")] == [
        None, None, None, "unknown", "format", "format", "dissolved",
    ]  # fmt: skip
    assert regions.table()["500105"].successor == "500157"
    assert "500105" not in regions.children("500000")
    assert regions.exists("500105")
    assert not regions.exists("4403")


def test_search() -> None:
    assert regions.search("南山")[:2] == ["230404", "440305"]
    assert regions.search("shenzhen")[0] == "440300"
    assert regions.search("szs nsq") == []
    assert regions.search("广东 南山") == ["440305"]
    assert regions.search("") == []


def test_every_area_of_the_data_set(shared: Callable[[str], Path]) -> None:
    folder = shared("chinese/gb2260_modood")

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    provinces = {row["code"]: row["name"] for row in rows("provinces.csv")}
    placeholders = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
    cities = {row["code"]: row["name"] for row in rows("cities.csv") if row["name"] not in placeholders}
    areas = rows("areas.csv")
    assert len(areas) == 2978
    shared_names = {name: n for name, n in Counter(row["name"] for row in areas).items() if n > 1}
    assert len(shared_names) == 28
    wrong = []
    for row in areas:
        province, city = provinces[row["provinceCode"]], cities.get(row["cityCode"], "")
        expected = "620200" if row["code"] == "620201" else row["code"]  # 嘉峪关 has no districts
        for prefix in (province + city, city, province.removesuffix("省") + city.removesuffix("市")):
            found = regions.parse(f"{prefix}{row['name']}人民路1号")
            if prefix and (found.code, found.rest) != (expected, "人民路1号"):
                wrong.append((prefix, row["name"], found))
        alone = regions.parse(row["name"] + "人民路1号")
        if row["name"] in shared_names and len(alone.candidates) < shared_names[row["name"]]:
            wrong.append(("", row["name"], alone))
    assert wrong == []


@pytest.mark.parametrize(
    ("address", "name", "rest"),
    [
        ("深圳南山科技园", "广东省深圳市南山区", "科技园"),
        ("深圳市南山區粵海街道", "广东省深圳市南山区", "粵海街道"),
        ("浙江义乌稠江街道", "浙江省金华市义乌市", "稠江街道"),
        ("昆山花桥", "江苏省苏州市昆山市", "花桥"),
        ("北京市北京市朝阳区建国路", "北京市朝阳区", "建国路"),
        ("北京市市辖区朝阳区建国路", "北京市朝阳区", "建国路"),
        ("朝阳市双塔区", "辽宁省朝阳市双塔区", ""),
        ("吉林市昌邑区", "吉林省吉林市昌邑区", ""),
        ("吉林长春", "吉林省长春市", ""),
        ("济南市中区", "山东省济南市市中区", ""),
        ("哈尔滨道里区", "黑龙江省哈尔滨市道里区", ""),
        ("河北区中山路", "天津市河北区", "中山路"),
        ("海南海口", "海南省海口市", ""),
        ("海南州共和县", "青海省海南藏族自治州共和县", ""),
        ("恩施州利川市", "湖北省恩施土家族苗族自治州利川市", ""),
        ("东莞市长安镇", "广东省东莞市", "长安镇"),
        ("湖北省仙桃市干河", "湖北省仙桃市", "干河"),
        ("518000 广东省/深圳市/福田区 1号", "广东省深圳市福田区", "1号"),
        ("中国江苏省苏州市工业园区", "江苏省苏州市", "工业园区"),
        ("臺北市信義路", "台湾省台北市", "信義路"),
        ("香港中环", "香港特别行政区", "中环"),
        ("重庆渝北", "重庆市渝北区", ""),
        ("广东省义乌市", "广东省", "义乌市"),
        ("上海路12号", "", "上海路12号"),
        ("南京东路100号", "", "南京东路100号"),
        ("上海市南京东路", "上海市", "南京东路"),
        ("中山大道", "", "中山大道"),
        ("上海上海路1号", "上海市", "上海路1号"),
        ("广东省东莞市东莞市南城", "广东省东莞市", "南城"),
        ("火星", "", "火星"),
        ("", "", ""),
    ],
)
def test_addresses(address: str, name: str, rest: str) -> None:
    found = regions.parse(address)
    assert (regions.full_name(found.code or ""), found.rest, found.candidates) == (name, rest, ())


@pytest.mark.parametrize(
    ("address", "certain", "candidates"),
    [
        ("鼓楼区中山路", "", ["江苏省南京市鼓楼区", "江苏省徐州市鼓楼区", "福建省福州市鼓楼区", "河南省开封市鼓楼区"]),
        ("朝阳区建国路", "", ["北京市朝阳区", "吉林省长春市朝阳区"]),
        ("江苏鼓楼区", "江苏省", ["江苏省南京市鼓楼区", "江苏省徐州市鼓楼区"]),
    ],
)
def test_ambiguous_names_are_not_guessed(address: str, certain: str, candidates: list[str]) -> None:
    found = regions.parse(address)
    assert regions.full_name(found.code or "") == certain
    assert sorted(map(regions.full_name, found.candidates)) == sorted(candidates)


@given(st.text(st.sampled_from("北京市朝阳区省上海南山中路县 1号,/"), max_size=30) | st.text(max_size=30))
def test_parse_never_raises_and_keeps_the_rest(address: str) -> None:
    found = regions.parse(address)
    assert address.strip().endswith(found.rest)
    assert found.code is None or regions.exists(found.code)
