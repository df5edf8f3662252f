"""Settings, from environment variables only; `zhike` sets them for the processes it starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config import outside, zone

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("ZHIKE_HOME") or BASE_DIR / "var")
DEBUG = os.environ.get("ZHIKE_DEBUG") == "1"
SECRET_KEY = os.environ.get("ZHIKE_SECRET_KEY") or "only-for-checks-and-never-served"
HTTPS = os.environ.get("ZHIKE_HTTPS") == "1"
URL = os.environ.get("ZHIKE_URL", "http://127.0.0.1:8000").rstrip("/")  # links in mails lead here, whatever was asked
ALLOWED_HOSTS = [*os.environ.get("ZHIKE_HOSTS", "localhost,127.0.0.1,[::1]").split(","), urlsplit(URL).hostname or ""]
PROXIES = [network for network in os.environ.get("ZHIKE_PROXIES", "").replace(" ", "").split(",") if network]
CSRF_TRUSTED_ORIGINS = [origin for origin in [*os.environ.get("ZHIKE_ORIGINS", "").split(","), URL] if origin]


# A page that asks too much ends after so many seconds; imports, exports and the console take the time they need.
STATEMENT_SECONDS = int(os.environ.get("ZHIKE_STATEMENT_SECONDS", "30")) if os.environ.get("ZHIKE_WEB") == "1" else 0
# how long a list may count before it says "50+", and a search look through other records, while somebody waits
PATIENCE = float(os.environ.get("ZHIKE_PATIENCE", "0.3"))
COUNT_SECONDS = PATIENCE if os.environ.get("ZHIKE_WEB") == "1" else 0.0
# how old the figures of first pages and boards may be, where adding them up anew takes long; 0: never
FIGURE_SECONDS = int(os.environ.get("ZHIKE_FIGURE_SECONDS", "60")) if os.environ.get("ZHIKE_WEB") == "1" else 0


def database(url: str) -> dict[str, Any]:
    """Django's settings for postgres://user:password@host:port/name?host=/socket/directory."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if STATEMENT_SECONDS:
        query["options"] = f"{query.get('options', '')} -c statement_timeout={STATEMENT_SECONDS}s".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "zhike",
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or query.pop("password", "")),
        "HOST": query.pop("host", "") or parts.hostname or "",
        "PORT": query.pop("port", "") or parts.port or "",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**query, "application_name": "zhike"},
    }


DATABASES = {"default": database(os.environ.get("DATABASE_URL") or "postgres:///zhike")}
OWNER_URL = os.environ.get("ZHIKE_OWNER_URL", "")  # the role that owns the tables, for what needs it (engine/owner.py)
# The nightly backup (zhike/backup): its hour, None for none ("off"); where it goes, for whom it is encrypted, and how
# many days, weeks and months back there is one.
_HOUR = os.environ.get("ZHIKE_BACKUP_HOUR", "2").strip()
BACKUP_HOUR = int(_HOUR) if _HOUR.isdecimal() else None
BACKUPS = Path(os.environ.get("ZHIKE_BACKUPS") or HOME / "backups")
BACKUP_RECIPIENT = os.environ.get("ZHIKE_BACKUP_RECIPIENT", "")
BACKUP_KEEP = os.environ.get("ZHIKE_BACKUP_KEEP", "7,4,6")
# Going back to any second (zhike/backup/pitr): how many days, None for not at all, and how many seconds may be lost.
_DAYS = os.environ.get("ZHIKE_PITR_DAYS", "off").strip()
PITR_DAYS = int(_DAYS) if _DAYS.isdecimal() and int(_DAYS) else None
PITR_SECONDS = max(1, int(os.environ.get("ZHIKE_PITR_SECONDS") or 60))
EMBEDDED = os.environ.get("ZHIKE_EMBEDDED") == "1"  # whether Zhike brings up the database server itself
AUDIT_LOG = os.environ.get("ZHIKE_AUDIT_LOG", "")  # a file, or syslog[://host:port]: engine/offbox.py
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "base.User"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.dingtalk",
    "allauth.socialaccount.providers.feishu",
    "allauth.socialaccount.providers.weixin",
    "allauth.usersessions",
    "zhike.base",
    "zhike.engine",
    "zhike.web",
    "zhike.jobs",
    "zhike.modules.customers",
    "zhike.modules.leads",
    "zhike.modules.sales",
    "zhike.modules.activities",
    "zhike.modules.calendars",
    "zhike.modules.promises",
    "zhike.modules.targets",
    "zhike.modules.handover",
    "zhike.modules.assigning",
]
MIDDLEWARE = [
    "zhike.web.middleware.headers",
    "zhike.web.identity_proxy.forwarded",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "zhike.base.changes.middleware",
    "zhike.engine.catalog.middleware",
    "zhike.api.door.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "zhike.web.middleware.language",
    "zhike.web.identity.sessions",
    "zhike.web.middleware.limits",
    "zhike.web.middleware.answers",
    "zhike.web.acting.guard",
    "zhike.web.config_pages.previewing",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "APP_DIRS": False,
        "DIRS": [
            BASE_DIR / "zhike" / "web" / "templates",
            *sorted((BASE_DIR / "zhike" / "modules").glob("*/templates")),
        ],
        "NAME": "jinja2",
        "OPTIONS": {"environment": "config.jinja.environment", "trim_blocks": True, "lstrip_blocks": True},
    },
]
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "zhike" / "locale"]
LANGUAGE_COOKIE_NAME = "__Host-zhike-language" if HTTPS else "zhike_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = zone.TIME_ZONE
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "zhike" / "web" / "static"]
STATIC_ROOT = BASE_DIR / "zhike" / "web" / "static"
WHITENOISE_MAX_AGE = 31_536_000 if not DEBUG else 0
MEDIA_ROOT = HOME / "files"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "zhike.web.sessionstore"
SESSION_COOKIE_NAME = "__Host-zhike" if HTTPS else "zhike_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "__Host-zhike-csrf" if HTTPS else "zhike_csrf"
CSRF_USE_SESSIONS = False
CSRF_FAILURE_VIEW = "zhike.web.errors.csrf"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^api/(?!docs$)", r"^mcp$"]  # refused there: a redirected key would be sent twice
SECURE_SSL_REDIRECT = HTTPS and bool(PROXIES)  # only a proxy of ours is believed when it says how it was asked
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
API_PER_MINUTE = int(os.environ.get("ZHIKE_API_PER_MINUTE", "600"))  # requests by one key; a fifth may be searches
UPLOAD_LIMIT = 25 * 1024 * 1024
# What one file of rows may hold when it is read; of what comes through a browser UPLOAD_LIMIT says how large it may be.
IMPORT_ROWS = 2_000_000
IMPORT_BYTES = 1024 * 1024 * 1024
UPLOAD_PIXELS = 40_000_000
UPLOADS_PER_RECORD = 500
FILES_HOST = os.environ.get("ZHIKE_FILES_HOST", "").strip()  # host[:port] that gives out files and nothing else
if FILES_HOST:
    ALLOWED_HOSTS.append(FILES_HOST.rpartition(":")[0] or FILES_HOST)
EGRESS_ALLOW = [text for text in os.environ.get("ZHIKE_EGRESS_ALLOW", "").split(",") if text]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "zhike.base.passwords.Standard"}]
AUTHENTICATION_BACKENDS = ["zhike.web.identity.Backend"]
PASSWORD_RESET_TIMEOUT = 72 * 3600  # the longest of all links; zhike.web.identity_links has one bound for each
ACCOUNT_ADAPTER = "zhike.web.identity.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "zhike.web.identity_factors.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Zhike"
MFA_TOTP_TOLERANCE = 1  # clocks of phones are half a minute off
MFA_RECOVERY_CODE_DIGITS = 10
SOCIALACCOUNT_ADAPTER = "zhike.web.identity_sso.Adapter"
SOCIALACCOUNT_PROVIDERS = outside.providers(os.environ)
globals().update(outside.mail(os.environ, HOME))
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # to be on the preload lists of browsers is for the owner of the domain
