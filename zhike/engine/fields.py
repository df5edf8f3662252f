"""Model fields that say which kind of value they hold. Everything else reads the kind from here."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


class MoneyField(models.DecimalField):
    """An amount, numeric(18,2); its currency is the record's `currency`, CNY where there is none."""

    kind = "money"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 18)
        kwargs.setdefault("decimal_places", 2)
        super().__init__(*args, **kwargs)


class PercentField(models.DecimalField):
    """A percentage from 0 to 100, two decimals: 12.5 means 12.5 %."""

    kind = "percent"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 5)
        kwargs.setdefault("decimal_places", 2)
        super().__init__(*args, **kwargs)


class RichTextField(models.TextField):
    """Formatted text, sanitised when written."""

    kind = "richtext"


class PhoneField(models.CharField):
    """A phone number: E.164 where it could be read as one, else the text as it came."""

    kind = "phone"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 60)
        super().__init__(*args, **kwargs)


class ReachField(models.CharField):
    """A phone number or a mail address."""

    kind = "reach"


class IdentityField(models.CharField):
    """The number of an identity card or passport."""

    kind = "identity"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 30)
        super().__init__(*args, **kwargs)


class RegionField(models.CharField):
    """A GB/T 2260 code, six digits."""

    kind = "region"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 6)
        super().__init__(*args, **kwargs)


class IndustryField(models.CharField):
    """A GB/T 4754 code: a letter, or the letter with two to four digits left out."""

    kind = "industry"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 5)
        super().__init__(*args, **kwargs)


class AddressField(models.CharField):
    """The street part of an address as people write it."""

    kind = "address"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 300)
        super().__init__(*args, **kwargs)


class MultiChoiceField(ArrayField):
    """Several of a list of choices, as an array of their keys; `of` gives the choices."""

    kind = "multichoice"

    def __init__(self, *args: Any, of: Any = None, **kwargs: Any) -> None:
        self.of = list(of or ())
        kwargs.setdefault("base_field", models.CharField(max_length=60))
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Choices are presentation: they are left out of migrations."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs


class LinksField(ArrayField):
    """Links to several records of the entity `target`, as an array of their ids, in order."""

    kind = "links"

    def __init__(self, *args: Any, target: str = "", **kwargs: Any) -> None:
        self.target = target
        kwargs.setdefault("base_field", models.UUIDField())
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)


class FileLink(models.ForeignKey):
    """A stored file."""

    kind = "file"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("to", "engine.StoredFile")
        kwargs.setdefault("on_delete", models.SET_NULL)
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("related_name", "+")
        super().__init__(*args, **kwargs)


def among(one: Any, several: Any) -> models.Func:
    """Whether a value is in an array, both as SQL."""
    return models.Func(
        one, several, template="(%(expressions)s))", arg_joiner=" = ANY(", output_field=models.BooleanField()
    )


class Among(models.Lookup):
    """`phone__among=[…]`: any of many values as one array, which costs no parsing of a parameter for each.

    Texts are compared without the empty one, and say so: only then does PostgreSQL see that an index of what is not
    empty will do (it gives up proving that for more than 100 values, MAX_SAOP_ARRAY_SIZE of its predtest.c).
    """

    lookup_name = "among"

    def get_prep_lookup(self) -> Any:
        """The values, without those that say nothing."""
        return [self.lhs.output_field.get_prep_value(v) for v in self.rhs if v not in (None, "")]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """An array of values, or of what the database makes of them."""
        lhs, params = self.process_lhs(compiler, connection)
        f = self.lhs.output_field
        values = [f.get_db_prep_value(v, connection, prepared=True) for v in self.rhs]
        if f.get_internal_type() in ("CharField", "TextField"):
            return f"({lhs} = ANY(%s) AND {lhs} <> '')", [*params, values, *params]
        return f"{lhs} = ANY(%s::{f.db_type(connection)}[])", [*params, values]


models.Field.register_lookup(Among)
models.ForeignKey.register_lookup(Among)
