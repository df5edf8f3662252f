"""translations.py collect | check: texts of the code against the catalogues in zhike/locale.

`collect` brings new texts into every catalogue; `check` fails on a text that is missing, not translated,
doubtful, no longer used, or translated with other placeholders. The texts in the code are English already:
the English catalogue holds only those that English readers should see in other words.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

LOCALE = Path("zhike/locale")
PLURALS = {
    "zh_Hans": "nplurals=1; plural=0;",
    "zh_Hant": "nplurals=1; plural=0;",
    "en": "nplurals=2; plural=(n != 1);",
}
LANGUAGES = tuple(PLURALS)
# No dates and no names: two people who collect the same texts write the same file.
HEADER = """msgid ""
msgstr ""
"Project-Id-Version: Zhike\\n"
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}


def collected() -> Catalog:
    """Every text of the code, with the files it stands in."""
    mappings = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"].removeprefix("zhike/"), mapping["method"]) for mapping in mappings]
    options = {
        mapping["pattern"].removeprefix("zhike/"): {
            name: str(value).lower() for name, value in mapping.items() if name not in ("pattern", "method")
        }
        for mapping in mappings
    }
    found = Catalog(domain="django", charset="utf-8", fuzzy=False)
    for file, _line, text, comments, context in extract_from_dir("zhike", methods, options, KEYWORDS):
        if "/tests/" not in file:
            found.add(text, locations=[(f"zhike/{file}", 0)], auto_comments=comments, context=context)
    return found


def catalogue_file(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    file = catalogue_file(language)
    if not file.exists():
        return Catalog(locale=language, domain="django", charset="utf-8", fuzzy=False)
    with file.open("rb") as stream:
        return read_po(stream, locale=language, domain="django")


def collect() -> int:
    """Updates each catalogue: new texts come in empty, texts no longer used go."""
    code = collected()
    for language in LANGUAGES:
        catalogue = load(language)
        catalogue.update(code, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        save(language, catalogue)
        print(f"{language}: {sum(not translated(message) for message in real(catalogue))} of {len(code)} to do")
    return 0


def save(language: str, catalogue: Catalog) -> None:
    if language == "en":
        for message in [message for message in real(catalogue) if not translated(message)]:
            catalogue.delete(message.id, message.context)
    file = catalogue_file(language)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(HEADER.format(language=language, plurals=PLURALS[language]).encode())
        write_po(stream, catalogue, sort_output=True, include_lineno=False, omit_header=True, width=110)


def check() -> int:
    """Prints every fault; gives 1 when there is one."""
    code = collected()
    faults = [fault for language in LANGUAGES for fault in faults_of(language, code)]
    print("\n".join(faults) or f"{len(code)} texts, complete in {', '.join(LANGUAGES)}")
    return 1 if faults else 0


def faults_of(language: str, code: Catalog) -> Iterator[str]:
    catalogue = load(language)
    wanted = {(message.context, key(message)): message for message in real(code)}
    present = {(message.context, key(message)): message for message in real(catalogue)}
    for name, message in wanted.items():
        where = message.locations[0][0] if message.locations else "?"
        if language == "en" and name not in present:
            continue
        if name not in present:
            yield f"{language}: not in the catalogue: {name[1]!r} ({where}); run make messages"
        elif not translated(present[name]):
            yield f"{language}: not translated: {name[1]!r} ({where})"
    for name, message in present.items():
        if name not in wanted:
            yield f"{language}: no longer used: {name[1]!r}; run make messages"
        if message.fuzzy:
            yield f"{language}: marked fuzzy: {name[1]!r}"
        if translated(message):
            yield from (f"{language}: {name[1]!r}: {error}" for error in message.check(catalogue))
            for text in [message.string] if isinstance(message.string, str) else message.string:
                if not any(placeholders(text) == placeholders(original) for original in texts_of(message)):
                    yield f"{language}: {name[1]!r}: other placeholders in {text!r}"


def placeholders(text: str) -> set[str]:
    """What is put into the text, as it is written there: %(name)s, %(wait).1f, %s, {} and {name}."""
    return set(re.findall(r"%\(\w+\)[\d.]*[a-z]|%[sdrf]|\{\w*\}", text))


def real(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def key(message: Message) -> str:
    return texts_of(message)[0]


def texts_of(message: Message) -> list[str]:
    """The English text; with a plural, both."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def translated(message: Message) -> bool:
    texts = [message.string] if isinstance(message.string, str) else list(message.string or [""])
    return all(texts)


if __name__ == "__main__":
    if sys.argv[1:] not in (["collect"], ["check"]):
        sys.exit(__doc__)
    sys.exit(collect() if sys.argv[1] == "collect" else check())
