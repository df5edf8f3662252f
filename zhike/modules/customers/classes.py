"""Whose data the fields of customers hold: public, internal, personal, sensitive.

Personal is what tells something about a person who is named or can be found out (PIPL art. 4); sensitive what PIPL
art. 28 lists: identity, health, religion, biometrics, accounts at banks, whereabouts, children under 14. The firm's own
judgement of a person (attitude, part in a decision) is personal data too. Fields not named here are classed by their
kind.
"""

from __future__ import annotations

from zhike.engine.kinds import classes

ACCOUNT = classes(
    public="name short_name english_name uscc registered_capital currency founded_on business_status size industry "
    "website",
    internal="number kind employees annual_revenue taxpayer_kind region address tier source first_won_on prior_sales "
    "parent tags external_id last_contact_at next_follow_up_on remark idle_days recycle_why",
    personal="legal_representative numbers",
)
CONTACT = classes(
    personal="name salutation gender department_name position role is_key_decider wechat qq numbers birthday "
    "birthday_is_lunar attitude external_id remark",
    internal="account reports_to employment left_on source tags last_contact_at next_follow_up_on idle_days locked_at",
)
AFFILIATION = classes(personal="position remark", internal="contact account kind from_on to_on is_current")
CONTACT_POINT = classes(
    personal="digits label", internal="account contact kind is_primary is_valid opted_out verified_on"
)
ADDRESS = classes(personal="receiver", internal="account kind region detail")
TAG = classes(internal="name tone")
CONSENT = classes(
    internal="contact purpose basis given_at until_on text_version channel is_separate withdrawn_at is_live",
    personal="evidence",
)
PERSON_REQUEST = classes(
    internal="contact kind status received_on due_on handler channel answer refusal_reason closed_on",
    personal="details",
)
