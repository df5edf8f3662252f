"""What a password must be under the standard in force, and changing one.

The two standards contradict each other: OWASP ASVS 5.0 (6.2.5, 6.2.10) forbids rules of composition and forced changes,
GB/T 22239-2019 (8.1.4.1 a) demands both.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator, UserAttributeSimilarityValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from . import names
from .fold import fold
from .models import Department, OldPassword, Policy, User

LONGEST = 128
KEPT = 5
MAX_AGE = dt.timedelta(days=90)
PRODUCT = ("zhike", "知客")
OWN_CHARACTERS = 4  # that a password has besides words of its context, digits and signs
SHORTEST = {Policy.Passwords.MODERN: 12, Policy.Passwords.DENGBAO: 8}


class Standard:
    """Django's validator of passwords: asks the policy in force."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ValidationError with every reason against the password."""
        standard = Policy.current().passwords
        found = (_length(password, standard), _composed(password, standard), _context(password, user))
        wrong = [text for text in found if text]
        for rule in (
            CommonPasswordValidator(),
            UserAttributeSimilarityValidator(("username", "name", "email", "phone")),
        ):
            try:
                rule.validate(password, user)
            except ValidationError as error:
                wrong += error.messages
        if not wrong and standard == Policy.Passwords.DENGBAO and user is not None and reused(user, password):
            wrong.append(_("This is one of your last %(n)s passwords. Choose another one.") % {"n": KEPT})
        if wrong:
            raise ValidationError(wrong)

    def get_help_text(self) -> str:
        """The rule in force in one sentence."""
        return help_text()


def help_text() -> str:
    """The rule in force in one sentence."""
    if Policy.current().passwords == Policy.Passwords.DENGBAO:
        return _("At least 8 characters of three kinds (capitals, small letters, digits, others), not used before.")
    return _("At least 12 characters. A sentence that only you know is best.")


def _length(password: str, standard: str) -> str:
    if len(password) > LONGEST:
        return _("A password has at most %(n)s characters.") % {"n": LONGEST}
    shortest = SHORTEST[Policy.Passwords(standard)]
    return _("A password has at least %(n)s characters.") % {"n": shortest} if len(password) < shortest else ""


def _composed(password: str, standard: str) -> str:
    if standard != Policy.Passwords.DENGBAO:
        return ""
    tests = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    kinds = sum(any(test(c) for c in password) for test in tests)
    return "" if kinds >= 3 else _("Use three of these: capitals, small letters, digits, other characters.")


def _context(password: str, user: User | None) -> str:
    """ASVS 6.2.11: words that anybody may guess who knows the product, the firm and the person do not make it up."""
    rest = fold(password)
    for word in sorted(context_words(user), key=len, reverse=True):
        rest = rest.replace(word, " ")
    if rest == fold(password) or sum(c.isalpha() for c in rest) >= OWN_CHARACTERS:
        return ""
    return _("This is made of words that others may guess: the product, the firm, your own names. Add other words.")


def context_words(user: User | None) -> set[str]:
    """The documented list (ASVS 6.1.2), folded: product, host, the firm as its root departments are called, the person.

    Chinese names count as they are and in pinyin; Latin words from three letters on.
    """
    firms = Department.objects.filter(parent=None, deleted_at=None).values_list("name", flat=True)
    found = set(PRODUCT) | set((urlsplit(settings.URL).hostname or "").split("."))
    for firm in firms:
        short = names.similarity_key(firm)
        for name in (firm, names.name_key(firm), short, *(short[:n] for n in (2, 3, 4))):  # its brand comes first
            found |= set(_readings(name))
    if user is not None:
        for name in (user.name, user.name[:1], user.name[1:]):
            found |= set(_readings(name))
        found |= {user.username} | set(re.split(r"[\W_]+", f"{user.username} {user.email}"))
    folded = {fold(word) for word in found}
    return {word for word in folded if len(word) >= (3 if word.isascii() else 1)}


def _readings(name: str) -> Iterator[str]:
    from .pinyin import company, person  # here, because pinyin loads a large table that most commands never need

    yield name
    for read in (company(name), person(name)):
        yield read.full


def reused(user: User, password: str) -> bool:
    """Whether this is the person's password, or one of the last five."""
    rows = OldPassword.objects.filter(user=user.pk).order_by("-at").values_list("password", flat=True)[:KEPT]
    return any(check_password(password, known) for known in {user.password, *rows} if known)


def change(user: User, password: str, *, temporary: bool = False) -> None:
    """Set a password that has been validated; a temporary one must be changed at the next sign-in.

    The person's sessions end with it, because they carry a hash of the password.
    """
    with transaction.atomic():
        user.set_password(password)
        user.password_changed_at = timezone.now()
        user.must_change_password = temporary
        user.save(update_fields=["password", "password_changed_at", "must_change_password"])
        OldPassword.objects.create(user=user, password=user.password)
        kept = OldPassword.objects.filter(user=user).order_by("-at").values_list("pk", flat=True)[:KEPT]
        OldPassword.objects.filter(user=user).exclude(pk__in=list(kept)).delete()


def due(user: User, policy: Policy) -> bool:
    """Whether the person must choose a new password before anything else."""
    if user.must_change_password:
        return True
    old = user.password_changed_at < timezone.now() - MAX_AGE
    return policy.passwords == Policy.Passwords.DENGBAO and old and bool(user.password) and user.has_usable_password()
