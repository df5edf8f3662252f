"""Second factors: codes of an app (TOTP), recovery codes, passkeys. The mathematics are django-allauth's."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from zhike.base import sealing
from zhike.base.models import User

TOTP, CODES, PASSKEY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES, Authenticator.Type.WEBAUTHN


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of factors lie encrypted in the database, with a key made from the installation's."""

    @property
    def box(self) -> Fernet:
        """The cipher."""
        return sealing.box("second factors")

    def encrypt(self, text: str) -> str:
        """For the database."""
        return self.box.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """From the database."""
        return self.box.decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Passkeys belong to the host that people type; the browser makes sure that it is the one it shows."""
        return {**super().get_public_key_credential_rp_entity(), "name": settings.MFA_TOTP_ISSUER}


def of(user: User) -> list[Authenticator]:
    """What the person has set up."""
    return list(Authenticator.objects.filter(user=user).order_by("created_at"))


def kinds(user: User) -> set[str]:
    """Which kinds of factors the person has."""
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def codes_left(user: User) -> list[str]:
    """The recovery codes that have not been used."""
    row = Authenticator.objects.filter(user=user, type=CODES).first()
    return list(RecoveryCodes(row).get_unused_codes()) if row else []


def code_fits(user: User, code: str) -> str:
    """Whether this is the app's code of now or a recovery code, each good for once: "totp", "recovery" or ""."""
    code = code.replace(" ", "").replace("-", "")[:20]
    if not (code.isascii() and code.isdigit()):
        return ""
    if totp_fits(user, code):
        return "totp"
    row = Authenticator.objects.filter(user=user, type=CODES).first()
    return "recovery" if row and RecoveryCodes(row).validate_code(code) else ""


def totp_fits(user: User, code: str) -> bool:
    """Whether this is a code of the app, of this half minute or its neighbours, and later than the last one used."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=user, type=TOTP).first()
        if row is None:
            return False
        secret, fitting = decrypt(row.data["secret"]), 0
        for counter in totp.yield_hotp_counters_from_time():
            if constant_time_compare(totp.format_hotp_value(totp.hotp_value(secret, counter)), code):
                fitting = counter
        if fitting <= row.data.get("last", 0):
            return False
        row.data["last"] = fitting
        row.last_used_at = timezone.now()
        row.save(update_fields=["data", "last_used_at"])
    return True


def enrol_totp(request: HttpRequest, user: User, code: str) -> bool:
    """Set up the app whose secret this session has shown, if the code proves that it was taken over."""
    secret = totp.get_totp_secret()
    if not totp.validate_totp_code(secret, code.replace(" ", "")):
        return False
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=TOTP).delete()
        totp.TOTP.activate(user, secret)
        totp_fits(user, code.replace(" ", ""))  # this code is used up
        RecoveryCodes.activate(user)
    totp.clear_totp_secret(request)
    return True


def totp_offer(user: User) -> tuple[str, str]:
    """The secret to take over into the app, and its QR code as a data address."""
    secret, adapter = totp.get_totp_secret(), Adapter()
    svg = adapter.build_totp_svg(adapter.build_totp_url(user, secret))
    return secret, "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def new_codes(user: User) -> list[str]:
    """Ten recovery codes in place of the old ones."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=CODES).delete()
        return list(RecoveryCodes.activate(user).get_unused_codes())


def remove(user: User, pk: int) -> str:
    """Take a factor away; gives its kind, "" if there is none. Recovery codes go with the last other factor."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=user, pk=pk).exclude(type=CODES).first()
        if row is None:
            return ""
        row.delete()
        if kinds(user) <= {CODES}:
            Authenticator.objects.filter(user=user).delete()
        return str(row.type)


# ---- passkeys; their challenges lie in the session


def passkey_options(user: User | None, *, create: bool = False) -> dict[str, Any]:
    """What the browser asks the authenticator: to make a passkey, or to sign with one (of anybody's without `user`)."""
    if create and user:
        return plain(webauthn.begin_registration(user, True))
    return plain(webauthn.begin_authentication(user))


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """As JSON can carry it."""
    found: dict[str, Any] = json.loads(json.dumps(options, default=dict))
    return found


def add_passkey(user: User, credential: str, name: str) -> bool:
    """Keep the passkey that the browser has made, if it answers our challenge and its owner was checked."""

    def check(found: Any) -> bool:
        webauthn.parse_registration_response(found)
        if not webauthn.complete_registration(found).is_user_verified():
            return False
        webauthn.WebAuthn.add(user, name.strip()[:60] or "Passkey", found)
        RecoveryCodes.activate(user)
        return True

    return bool(_tried(credential, check))


def passkey_owner(credential: str, user: User | None = None) -> User | None:
    """Whose passkey has signed our challenge; with `user` only theirs counts."""

    def check(found: Any) -> User | None:
        webauthn.parse_authentication_response(found)
        owner = user or webauthn.extract_user_from_response(found)
        if not isinstance(owner, User) or not owner.is_active or owner.deleted_at:
            return None
        webauthn.complete_authentication(owner, found).record_usage()
        return owner

    found = _tried(credential, check)
    return found if isinstance(found, User) else None


def _tried(credential: str, check: Callable[[Any], Any]) -> Any:
    """What `check` says of the browser's answer; None for anything malformed."""
    try:
        return check(json.loads(credential[:20_000]))
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    finally:
        webauthn.clear_state()
