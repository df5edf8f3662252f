"""Names that people gave to files: kept readable, shown and sent out safely, never used on the disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LENGTH = 160
# Unseen signs that turn, hide or join what is read: bidirectional marks, zero widths, tags, separators, fillers.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORBIDDEN = re.compile(r'[\\/:*?"<>|;]+')
_DEVICE = re.compile(r"^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])$", re.IGNORECASE)
# Endings by which some system opens or runs a file; in the middle of a name they only deceive.
_ENDING = re.compile(
    r"\.(?=(?:"
    r"exe|com|scr|pif|bat|cmd|msi|msp|msc|cpl|hta|jar|jse?|mjs|vb[se]?|ws[cfh]?|ps1|psm1|reg|lnk|url|inf|dll|sys|apk|app"
    r"|php\d?|phtml|phar|jspx?|aspx?|cgi|pl|py|rb|sh|bash|command|desktop|chm|xll|iso|img|dmg|settingcontent-ms"
    r"|pdf|docx?|docm|xlsx?|xlsm|pptx?|pptm|rtf|odt|ods|jpe?g|png|gif|webp|bmp|tiff?|svg|html?|xhtml|xml|txt|csv|zip|rar"
    r"|7z|gz|eml|msg|vcf|ics|mp[34]|mov"
    r")(?:[ ._-]|$))",
    re.IGNORECASE,
)


def clean(name: str, endings: Sequence[str] = ()) -> str:
    """A name of at most LENGTH characters without folders, unseen signs and false endings.

    With `endings`, the last one of the name is one of those: the name's own if it fits, else the first.
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    text = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    text = " ".join(_FORBIDDEN.sub("_", text).split()).strip(" .")
    stem, dot, ending = text.rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,12}", ending):
        stem, ending = text, ""
    if endings and ending.lower() not in endings:
        stem, ending = (f"{stem}_{ending}" if _runs(ending) else stem), endings[0]
    stem = _ENDING.sub("_", stem).strip(" .~") or "file"
    if _DEVICE.match(stem.partition(".")[0]):
        stem = f"_{stem}"
    return stem[: LENGTH - len(ending) - 1].rstrip(" .") + (f".{ending.lower()}" if ending else "")


def _runs(ending: str) -> bool:
    """Whether an ending that does not fit says something worth keeping in the name, as in setup_exe.txt."""
    return bool(ending) and bool(_ENDING.search(f".{ending}"))
