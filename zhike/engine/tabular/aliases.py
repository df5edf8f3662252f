"""What columns are called in Chinese and English lists, by the meaning of the field.

One meaning a paragraph, its headings between bars. Traditional spellings, case, blanks and
punctuation need no entry of their own: folding takes them away.
"""

from __future__ import annotations

import re
from functools import cache

from .folding import fold

_TEXT = """
customer: 客户 | 客户名称 | 客户名 | 客户全称 | Customer | Customer Name | Client | Client Name
name: 姓名 | 名字 | 名称 | 客户姓名 | 联系人 | 联系人姓名 | 联系人名称 |
    全名 | 真实姓名 | 主要联系人 | 联络人 | 会员姓名 | 显示名称 | Name | Full Name | FN | Contact Name |
    Contact | Person Name | Display Name | Lead Name
family_name: 姓 | 姓氏 | Last Name | LastName | Surname | Family Name | Second Name
given_name: 名 | 名字(不含姓) | First Name | FirstName | Given Name | Forename
middle_name: 中间名 | Middle Name | Additional Name
company: 关联的公司 | 关联的公司名称 | Associated Company Name |
    公司 | 公司名称 | 公司全称 | 公司名 | 单位 | 单位名称 | 工作单位 | 企业 | 企业名称 | 企业全称 | 组织 |
    组织名称 | 机构 | 机构名称 | 所属公司 | 所属企业 | 所属客户 | 关联客户 | 客户公司 | 客户单位 | 客户企业 |
    供应商名称 | 商户名称 | 店铺名称 | 抬头 | Company | Company Name | Account | Account Name | Organization |
    Organisation | Organization Name | Firm | Employer | Business Name | Related Company | Associated Company |
    ORG | Organization 1 Name
company_id: Account ID | AccountId | Company ID | Associated Company IDs | Associated Company ID | Organization ID |
    Organisation ID | Primary Associated Company ID | Related Company/ID | 客户 ID | 帐户 ID | 公司 ID | 关联公司 ID |
    关联的公司 ID | 帐户编号 | Account Name ID | Org ID
contact_id: Contact ID | ContactId | Associated Contact IDs | Associated Contact ID | WhoId | Who ID | Person ID |
    关联联系人 ID | 关联的联系人 ID | 联系人 ID | Contact Name ID
deal_id: Deal ID | Opportunity ID | OpportunityId | Associated Deal IDs | Associated Deal ID | WhatId | What ID |
    Potential ID | 交易 ID | 商机 ID | 业务机会 ID | 关联交易 ID | 关联的交易 ID | Deal Name ID
lead_id: Lead ID | LeadId | 潜在客户 ID | 线索 ID
short_name: 简称 | 公司简称 | 客户简称 | 企业简称 | Short Name | Abbreviation
phone: Phone 2 Value | Phone 3 Value | Phone 4 Value |
    电话 | 联系电话 | 电话号码 | 联系方式 | 固定电话 | 固话 | 座机 | 办公电话 | 公司电话 | 单位电话 |
    商务电话 | 工作电话 | 家庭电话 | 住宅电话 | 其他电话 | 主要电话 | 联系人电话 | 客户电话 | Phone |
    Telephone | Tel | Phone Number | Phone No | Work Phone | Business Phone | Office Phone | Home Phone |
    Main Phone | Other Phone | Company Main Phone | Phone 1 Value | Contact Number | Contact Phone
mobile: 手机 | 手机号 | 手机号码 | 移动电话 | 联系手机 | 客户手机 | 联系人手机 | 手机1 | Mobile | Mobile Phone |
    Mobile Phone Number |
    Mobile Number | Cell | Cell Phone | Cellphone | Phone Mobile | Mobile No | 行动电话 | 手机号码(必填)
fax: 传真 | 传真号码 | 商务传真 | 住宅传真 | Fax | Fax Number | Business Fax | Home Fax
email: E-mail 2 Value | E-mail 3 Value | E-mail 2 Address | E-mail 3 Address |
    邮箱 | 电子邮箱 | 电子邮件 | 邮件 | 邮箱地址 | 电子邮件地址 | 邮件地址 | 联系邮箱 | 工作邮箱 | 公司邮箱 |
    Email | E-mail | Mail | Email Address | E-mail Address | E-mail 1 Value | Email Work | Work Email |
    Primary Email | 电子信箱 | 信箱 | E-mail地址
wechat: 微信 | 微信号 | WeChat | WeChat ID | Weixin
qq: QQ | QQ号 | QQ号码
website: 网站 | 网址 | 主页 | 官网 | 公司网址 | 公司网站 | 公司主页 | 网页 | Website | Web | URL | Homepage |
    Website URL | Web Page | Company Domain Name | Domain | Website 1 Value
address: 地址 | 联系地址 | 详细地址 | 公司地址 | 单位地址 | 通讯地址 | 办公地址 | 注册地址 | 收货地址 | 街道 |
    街道地址 | 住址 | 商务地址街道 | 经营地址 | Address | Street | Street Address | Mailing Street |
    Billing Street | Address 1 | Address Line 1 | Business Street | Billing Address | Address 1 Street |
    Address 1 Formatted | Mailing Address | Legal Entity Address
address_line2: Street2 | Street 2 | Address Line 2 | Address 2 | 门牌号
country: 国家 | 国家地区 | 国别 | 国家/地区 | Country | Country/Region | Mailing Country | Billing Country |
    Address 1 Country | 商务地址国家地区
province: 州/省 | 州省 |
    省 | 省份 | 省市 | 所在省 | 所在省份 | 省/直辖市 | 省/市/自治区 | 商务地址省市自治区 | 省区 |
    Province | State | State/Region | Mailing State | Billing State | Address 1 Region |
    Mailing State/Province | prov
city: 市 | 城市 | 所在城市 | 所在市 | 地级市 | 市/县 | 商务地址市县 | City | Mailing City | Billing City |
    Town | Address 1 City
district: 区 | 区县 | 区/县 | 县 | 所在区 | 县区 | District | County
region: 地区 | 区域 | 所在地区 | 所属区域 | 所属地区 | 大区 | 销售区域 | 片区 | 省市区 | 所在地 | 行政区 |
    行政区划 | Region | Area | Territory | Location
postcode: Billing Code | Mailing Code | Billing Zip/Postal Code | Mailing Zip/Postal Code | Billing Postal Code |
    Mailing Postal Code |
    邮编 | 邮政编码 | 商务地址邮政编码 | Postal Code | Postcode | Zip | Zip Code | Mailing Zip |
    Address 1 Postal Code | 邮递区号
industry: 行业 | 所属行业 | 行业类别 | 行业分类 | 行业类型 | Industry | Sector | Vertical
amount: 金额 | 总金额 | 累计金额 | 销售额 | 销售金额 | 成交金额 | 交易金额 | 合同金额 | 订单金额 | 预计金额 |
    预计成交金额 | 商机金额 | 预估金额 | 销售收入 | 营业额 | Amount | Sales | Revenue | Deal Value |
    Deal Amount | Value | Total | Total Amount | Close Value | Expected Revenue | Deal Size | Opportunity Amount
annual_revenue: 年营业额 | 年收入 | 年销售额 | 营业收入 | 年产值 | Annual Revenue
registered_capital: 注册资本 | 注册资金 | Registered Capital
price: 单价 | 价格 | 售价 | 标准价 | 报价 | Price | Unit Price | Sales Price | List Price
quantity: 数量 | 件数 | Quantity | Qty | Units
order_count: 订单数 | 订单数量 | 下单次数 | 购买次数 | 成交次数 | Orders | Order Count | Number of Orders
date: 日期 | 时间 | Date | Time
created_on: 创建日期 | 创建时间 | 录入时间 | 录入日期 | 建档日期 | 登记日期 | 注册时间 | Create Date |
    Created Date | Created Time | Created At | Created On | Created | Date Created
closed_on: 成交日期 | 预计成交日期 | 结单日期 | 预计结单日期 | 关闭日期 | 签约日期 | Close Date | Closing Date |
    Expected Close Date | Won Date | Closed Date
last_activity_on: Completed Date Time | CompletedDateTime | Completed Date | Marked As Done Time | 完成时间 | 完成日期 |
    最近下单日期 | 最近联系时间 | 最近联系日期 | 最后跟进时间 | 最近跟进时间 | 上次联系时间 |
    最近购买日期 | 最后联系时间 | 最近跟进日期 | Last Activity Date | Last Contacted | Last Contact Date |
    Last Order Date | Last Activity
next_on: Activity Date | ActivityDate | Due Date | Due Date Only | 截止日期 | 到期日期 |
    下次联系时间 | 下次跟进时间 | 下次跟进日期 | 下次联系日期 | Next Follow Up | Next Activity Date |
    Next Step Date | Next Contact Date
owner: 所有者 | 公司所有者 | 联系人所有者 | 交易所有者 | 客户所有人 | 联系人所有人 | 业务机会所有人 | 潜在客户所有人 |
    Assigned User |
    Assigned To User | Opportunity Owner |
    负责人 | 所属人 | 归属人 | 业务员 | 销售 | 销售员 | 销售人员 | 客户经理 | 跟进人 | 所有人 | 销售代表 |
    责任人 | 归属销售 | 所属销售 | 客户负责人 | 专员 | Owner | Contact Owner | Account Owner | Company Owner |
    Deal Owner | Lead Owner | Record Owner | Salesperson | Sales Rep | Sales Agent | Assigned To | Owner ID |
    Account Manager | Person Owner | Responsible | 业务 | 承办人 | 业务负责人
source: 来源 | 客户来源 | 线索来源 | 来源渠道 | 渠道 | 获客渠道 | 获客来源 | 信息来源 | 推广渠道 | Source |
    Lead Source | Channel | Origin | Original Source
tier: 等级 | 级别 | 客户等级 | 客户级别 | 客户分级 | 客户星级 | 会员等级 | 重要程度 | 星级 | Tier | Level |
    Grade | Rating | Rank | Priority | Customer Level
type: 类型 | 类别 | 客户类型 | 客户类别 | 客户性质 | 客户分类 | 分类 | 性质 | 企业类型 | Type | Category |
    Customer Type | Account Type | Company Type | Segment | Group
status: 潜在客户状态 | 生命周期阶段 |
    状态 | 客户状态 | 线索状态 | 跟进状态 | 成交状态 | Status | Lead Status | Lifecycle Stage |
    Customer Status
stage: StageName | Stage Name | 交易阶段 | 业务机会阶段 |
    阶段 | 销售阶段 | 商机阶段 | Stage | Deal Stage | Sales Stage | Pipeline Stage
pipeline: 销售流程 | 商机流程 | 管道 | Pipeline
deal: 交易 | 交易名称 | 业务机会 | 业务机会名称 |
    商机 | 商机名称 | 商机标题 | 项目名称 | 机会名称 | 销售机会 | Deal | Deal Name | Opportunity |
    Opportunity Name | Deal Title
product: 产品 | 产品名称 | 商品 | 商品名称 | 意向产品 | Product | Product Name | Item
probability: 可能性 | 可能性 (%) | Probability (%) |
    赢率 | 成交概率 | 成功率 | 概率 | Probability | Win Probability | Win %
uscc: 统一社会信用代码 | 社会信用代码 | 信用代码 | 统一信用代码 | 税号 | 纳税人识别号 | 税务登记号 |
    营业执照号 | 组织机构代码 | 工商注册号 | 注册号 | USCC | Unified Social Credit Code | Tax ID | VAT |
    VAT Number | Tax Number | Credit Code | Registration Number | 统一编号 | 统编
legal_person: 法人 | 法定代表人 | 法人代表 | 企业法人 | Legal Representative
employees: 员工数 | 员工人数 | 人数 | 公司规模 | 企业规模 | 规模 | 人员规模 | Employees | Number of Employees |
    Company Size | Headcount | No of Employees
position: 职位 | 职务 | 岗位 | 职称 | 头衔 | 担任职务 | Title | Job Title | Position | Role | Occupation |
    Organization 1 Title
department: 部门 | 所属部门 | 所在部门 | 科室 | Department | Dept | Division | Organization 1 Department
salutation: 称谓 | 称呼 | 尊称 | 中文称谓 | Salutation | Prefix | Name Prefix | Honorific
gender: 性别 | Gender | Sex
birthday: 生日 | 出生日期 | 出生年月 | Birthday | Date of Birth | Birth Date | BDAY | DOB
tags: 标签 | 客户标签 | 分组 | 群组 | 关键词 | Tag | Tags | Label | Labels | Categories | Keywords |
    Person Label | Group Membership
remark: 备注 | 说明 | 描述 | 附注 | 注释 | 客户备注 | 备注信息 | 其他信息 | 跟进记录 | 客户描述 | 备忘 |
    Remark | Remarks | Note | Notes | Description | Comment | Comments | Memo | Details | 备注说明
subject: 主题 | 标题 | Subject | Title of Activity | Topic | Headline
activity_id: Activity ID | ActivityId | Task ID | Event ID | Call ID | Meeting ID | 活动 ID | 任务 ID | 活动编号
customer_code: 客户编号 | 客户编码 | 客户代码 | 客户号 | 会员号 | 会员编号 | 客户ID | Customer ID | Customer No |
    Customer Code | Account Number | X-CUSTOMER-ID
code: 编号 | 编码 | 工号 | ID | Code | Record ID | Reference | Number |
    No | UID | External ID | 记录 ID | 外部 ID | External Id | Vendor ID | Message-ID
row_number: 序号 | 行号 | 序 | # | Index | Row
contact_person: Contact Person | Contact Person Name | 对接人
phonetic: Phonetic First Name | Phonetic Middle Name | Phonetic Last Name | Yomi Name | Given Name Yomi |
    Additional Name Yomi | Family Name Yomi | Phonetic Name
label_of: E-mail 1 Label | E-mail 2 Label | E-mail 3 Label | Phone 1 Label | Phone 2 Label | Phone 3 Label |
    Address 1 Label | Website 1 Label | Custom Field 1 Label | E-mail 1 Type | E-mail 2 Type | Phone 1 Type |
    Phone 2 Type | Address 1 Type | Website 1 Type | Organization 1 Type
parent: Parent Account ID | Parent Company ID | ParentId |
    上级客户 | 母公司 | 上级公司 | 总公司 | 集团 | Parent Account | Parent Company | Parent
currency: 币种 | 货币 | Currency
"""


def _parsed() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for meaning, names in re.findall(r"^(\w+):((?:.*\n?)(?:^ .*\n?)*)", _TEXT, re.MULTILINE):
        found[meaning] = tuple(name.strip() for name in names.split("|"))
    return found


ALIASES = _parsed()

# First cell of a row of totals, so that it never becomes a record.
TOTAL_WORDS = "合计|总计|小计|共计|汇总|总和|累计|本页合计|本月合计|Total|Totals|Subtotal|Sum|Grand Total"


@cache
def index() -> dict[str, str]:
    """Folded heading -> meaning; the first meaning that lists a heading keeps it."""
    found: dict[str, str] = {}
    for meaning, names in ALIASES.items():
        for name in names:
            found.setdefault(fold(name) or name, meaning)
    return found


@cache
def total_words() -> frozenset[str]:
    return frozenset(fold(word) for word in TOTAL_WORDS.split("|"))
