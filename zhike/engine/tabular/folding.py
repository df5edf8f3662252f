"""Fold header and choice texts so that spelling variants meet: width, case, script, punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TRADITIONAL = (
    "戶稱電話號碼聯絡繫郵址單類態來負責備註額銷訂編區價報員務項級總統計資訊續讀寫應變質國際縣鄉鎮樓門職業產經營"
    "個這們為時間會過學對後還發當無開頭見從動兩長現將進實點種聲兒問機給幾氣關內萬廣東華陽縮寫標題籤簽組織團隊"
    "簡體舊歷紀錄錢幣幀賬帳戶銀行稅開戶傳真網站圖檔錄歲紅藍綠黃優選擇啟閉凍結屬認證書據園輸陸運農漁礦電"
    "億圓貳參陸萬兌貨買賣購採給線鏈結構層級歸檔創建更處僅專數庫壓縮連雲腦維護贏輸擴進場階審覈准駁誤錯響熱溫"
    "視頻導師醫藥衛設備環節約儲顧諮詢課訓練產權範圍寬龍馬鳥魚島灣臺灣夢愛樂觀覺親戰鬥隨離難雜雙隻條術"
    "規則決議討論論壇聖勝績獎勵懲罰離婚歲齡軟硬體儀錶試驗證檢測筆記複製貼補貼積點會員卡級別稱謂備份淺潛"
)
_SIMPLIFIED = (
    "户称电话号码联络系邮址单类态来负责备注额销订编区价报员务项级总统计资讯续读写应变质国际县乡镇楼门职业产经营"
    "个这们为时间会过学对后还发当无开头见从动两长现将进实点种声儿问机给几气关内万广东华阳缩写标题签签组织团队"
    "简体旧历纪录钱币帧账账户银行税开户传真网站图档录岁红蓝绿黄优选择启闭冻结属认证书据园输陆运农渔矿电"
    "亿圆贰参陆万兑货买卖购采给线链结构层级归档创建更处仅专数库压缩连云脑维护赢输扩进场阶审核准驳误错响热温"
    "视频导师医药卫设备环节约储顾咨询课训练产权范围宽龙马鸟鱼岛湾台湾梦爱乐观觉亲战斗随离难杂双只条术"
    "规则决议讨论论坛圣胜绩奖励惩罚离婚岁龄软硬体仪表试验证检测笔记复制贴补贴积点会员卡级别称谓备份浅潜"
)
_SCRIPT = {ord(old): new for old, new in zip(_TRADITIONAL, _SIMPLIFIED, strict=True) if old != new}
_NOISE = re.compile(r"[\W_]+")
_BRACKETS = re.compile(r"[(（\[【<《][^)）\]】>》]*[)）\]】>》]")
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Letters, digits and Han characters only: narrow, lower case, simplified."""
    narrow = unicodedata.normalize("NFKC", text).casefold().translate(_SCRIPT)
    return _NOISE.sub("", narrow)


def fold_bare(text: str) -> str:
    """Like fold, without what stands in brackets: units, "required" marks, hints."""
    return fold(_BRACKETS.sub("", text)) or fold(text)


def has_han(text: str) -> bool:
    return HAN.search(text) is not None
