"""Settings of what lies outside: the mail server, and those who vouch for people (single sign-on)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CLASSES = {
    "openid_connect": "zhike.web.identity_sso.OpenId",
    "dingtalk": "zhike.web.identity_sso.DingTalk",
    "feishu": "zhike.web.identity_sso.Feishu",
    "weixin": "zhike.web.identity_sso.Weixin",
}


def mail(environ: Mapping[str, str], home: Path) -> dict[str, Any]:
    """Django's mail settings from ZHIKE_SMTP_URL: smtp[s]://user:password@host:port?starttls=1; without it, files."""
    found: dict[str, Any] = {
        "DEFAULT_FROM_EMAIL": environ.get("ZHIKE_MAIL_FROM", "Zhike <zhike@localhost>"),
        "EMAIL_TIMEOUT": 20,
    }
    url = environ.get("ZHIKE_SMTP_URL", "")
    if not url:
        return found | {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": home / "mail",
        }
    parts = urlsplit(url)
    tls = parts.scheme == "smtps"
    return found | {
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if tls else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": tls,
        "EMAIL_USE_TLS": not tls and parse_qs(parts.query).get("starttls", ["1"])[-1] == "1",
    }


def providers(environ: Mapping[str, str]) -> dict[str, Any]:
    """django-allauth's SOCIALACCOUNT_PROVIDERS.

    From ZHIKE_OIDC_URL, _ID, _SECRET, _NAME for one OpenID Connect provider, or from the TOML file that ZHIKE_SSO
    names: tables [[provider]] with kind (openid_connect, dingtalk, feishu, weixin), key, name, client_id, secret and,
    for OpenID Connect, url.
    """
    tables: list[dict[str, str]] = []
    if environ.get("ZHIKE_SSO"):
        tables += tomllib.loads(Path(environ["ZHIKE_SSO"]).read_text("utf-8")).get("provider", [])
    if environ.get("ZHIKE_OIDC_URL"):
        tables.append(
            {
                "kind": "openid_connect",
                "key": "oidc",
                "name": environ.get("ZHIKE_OIDC_NAME", "SSO"),
                "client_id": environ.get("ZHIKE_OIDC_ID", ""),
                "secret": environ.get("ZHIKE_OIDC_SECRET", ""),
                "url": environ["ZHIKE_OIDC_URL"],
            }
        )
    found: dict[str, Any] = {kind: {"provider_class": name, "APPS": []} for kind, name in CLASSES.items()}
    for table in tables:
        found[table["kind"]]["APPS"].append(app(table))
    return found


def app(table: Mapping[str, str]) -> dict[str, Any]:
    """One provider as django-allauth wants it; PKCE always."""
    return {
        "provider_id": table.get("key") or table["kind"],
        "name": table.get("name") or table["kind"],
        "client_id": table["client_id"],
        "secret": table["secret"],
        "settings": {
            "oauth_pkce_enabled": table["kind"] == "openid_connect",
            "server_url": table.get("url", ""),
        },
    }
