"""What went wrong with a file, in words: what, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy as _

from .errors import TabularError
from .model import Failure, MiB, Note, column_letter

Text = Promise | str

_ERRORS: dict[str, Text] = {
    "empty": _("The file is empty. Check that it was saved, and choose it again."),
    "no_rows": _("The file holds no rows. Fill in the sheet, save it, and choose it again."),
    "only_headers": _("Row %(row)s holds the headings, but no row follows it. Add at least one row of data."),
    "no_records": _("The file holds no card, event, task or mail that can be read. Export it again, and choose it."),
    "too_deep": _("Something in the file is nested more than %(limit)s times; such a file is not read."),
    "password": _("The file is protected by a password. Open it, remove the password, save it, and choose it again."),
    "zip_bomb": _(
        "The file unpacks to far more than a spreadsheet holds and was not opened. "
        "Copy the rows into a new workbook and save that."
    ),
    "file_too_large": _(
        "The file is %(size_mib)s MB; at most %(limit_mib)s MB can be read. Split it into several files."
    ),
    "too_many_rows": _(
        "The file reaches row %(row)s; at most %(limit)s rows can be read at once. "
        "Delete what stands below the data, or split the file."
    ),
    "too_many_columns": _(
        "The file uses %(columns)s columns; at most %(limit)s can be read. Delete the columns that are not needed."
    ),
    "too_many_cells": _(
        "The cells in use reach over %(cells)s places; at most %(limit)s can be read. "
        "Delete stray cells far from the data, or split the file."
    ),
    "cell_too_long": _(
        "A cell holds %(size)s characters; at most %(limit)s are allowed. "
        "Shorten it, or close the quotation mark that was left open."
    ),
    "line_too_long": _(
        "Line %(row)s holds %(size)s characters: this is no list of rows. Save the file as xlsx and try again."
    ),
    "undecodable": _(
        "Line %(line)s holds characters that are not valid %(encoding)s. Save the file as xlsx or as UTF-8 CSV, "
        "and choose it again."
    ),
    "broken": _("The file is damaged or was cut off. Open it in a spreadsheet program, save it again, and retry."),
    "not_a_table": _(
        "This is not a list of rows (%(found_text)s). Choose a spreadsheet, a csv, JSON, vCard, ics or mail file."
    ),
    "unsupported": _("Files of the form %(found)s cannot be read. Save it as xlsx and choose it again."),
    "no_such_sheet": _("The workbook has no sheet of this name. Choose another sheet."),
    "unreadable": _("The file could not be opened. Choose it again."),
    "too_slow": _(
        "Reading the file took longer than %(seconds)s seconds and was stopped. Copy the rows into a new "
        "workbook, or split the file."
    ),
    "too_much_memory": _(
        "The file needs more memory than is allowed and was not read. Copy only the cells that are needed into a "
        "new workbook, or split the file."
    ),
    "disk_full": _("The disk of the server is full. Ask the administrator to make room, then try again."),
    "reader_died": _("The file could not be read. Save it as xlsx with a spreadsheet program and try again."),
}

_NOTES: dict[str, Text] = {
    "header_blank": _("The heading of column %(column)s is empty; the column is called %(column)s."),
    "header_repeated": _("The heading %(header)s occurs more than once; column %(column)s was given a number."),
    "no_header": _("No row of headings was found; the columns are called A, B, C."),
    "total_row": _("This is a row of totals (%(text)s) and was left out."),
    "footer_row": _("This is a remark below the table (%(text)s) and was left out."),
    "rows_above": _("%(count)s rows above the headings were left out, from this one on. Check that none is a record."),
    "header_again": _("The headings are repeated here; the row was left out."),
    "row_longer": _("The row has %(cells)s cells, the headings are %(expected)s. Check for a stray separator."),
    "row_shorter": _("The row has %(cells)s cells, the headings are %(expected)s; the missing ones are empty."),
    "row_realigned": _("The row had one separator too many; its cells were moved back under their headings."),
    "row_joined": _("A text in this row holds a separator and no quotation marks; its pieces were put together."),
    "row_cut_apart": _("A separator is missing before a quotation mark in this row; the cell was cut in two there."),
    "second_table": _(
        "Another table with other headings begins here; its %(count)s rows were left out. Save it in a file of its own."
    ),
    "other_delimiter": _("The row uses another separator than the rest; it was read all the same."),
    "quotes_mended": _("A quotation mark in this row is not closed properly; it was read as a character."),
    "record_cut": _("The last record is cut off in the middle and was left out. Export the file again."),
    "nul_removed": _("The row held NUL characters; they were removed."),
    "cell_too_long": _("Column %(column)s holds %(size)s characters; at most %(limit)s are allowed. Shorten the text."),
    "merged_filled": _("Merged cells were filled down: every row they cover has their value."),
    "other_kind": _("The content is %(kind)s, whatever the name %(name)s says; it was read as such."),
    "sheets_many": _("The workbook has %(count)s sheets; %(sheet)s was read. Choose another one if that is wrong."),
    "charset_wrong": _("The card is labelled %(label)s but written in another encoding; the text was read by content."),
    "value_broken": _("The value of %(field)s cannot be decoded and was left out."),
    "json_broken": _("This is no JSON object and was left out."),
    "key_again": _("The key %(field)s occurs more than once in this object; the first value was taken."),
    "event_open": _("The event has no end; the next one begins inside it. It was left out."),
    "event_broken": _("The event cannot be read and was left out."),
    "event_repeats": _("The event repeats (%(text)s); only its first date was read."),
    "zone_unknown": _("The time zone is not known; the time was taken for one of your own zone."),
    "mail_charset": _("The mail names an encoding that is wrong or unknown; the text was read by content."),
    "mail_too_deep": _("The parts of the mail are nested too deeply; only its head was read."),
    "mail_too_large": _("The mail is too large; only its head was read."),
    "mail_undated": _("The mail has no date that can be read."),
    "mail_empty": _("The mail has no head that can be read and was left out."),
    "text_cut": _("The text was cut after %(limit)s characters."),
    "card_open": _("The card has no end; the next one begins inside it. It was left out."),
    "card_empty": _("The card holds nothing that can be read and was left out."),
    "line_broken": _("A line of the card cannot be read and was left out."),
    "column_dropped": _("There are too many columns; %(header)s was left out."),
}

_FOUND: dict[str, Text] = {
    "pdf": _("a PDF document"),
    "image": _("a picture"),
    "archive": _("an archive"),
    "program": _("a program"),
    "document": _("a text document"),
    "binary": _("unknown binary data"),
}


def _format(text: Text, params: Mapping[str, object]) -> str:
    return str(text) % {name: str(value) for name, value in params.items()}


_later = lazy(_format, str)


def message(error: TabularError | Failure) -> Text:
    """The translated text of an error, evaluated when shown; places are named in it."""
    params: dict[str, object] = dict(error.params)
    for name in ("size", "limit"):
        if isinstance(error.params.get(name), int):
            params[f"{name}_mib"] = int(error.params[name]) // MiB
    params["found_text"] = _FOUND.get(str(params.get("found", "")), _FOUND["binary"])
    text = _later(_ERRORS.get(error.code, _ERRORS["reader_died"]), params)
    place = _place(error.code, error.params)
    return text if place is None else _later(_("%(place)s: %(text)s"), {"place": place, "text": text})


def _place(code: str, params: Mapping[str, str | int]) -> Text | None:
    sheet, row = params.get("sheet"), params.get("row")
    if code in ("only_headers", "line_too_long", "too_many_rows"):
        row = None
    column = params.get("column")
    return _where(sheet, row, column_letter(int(column)) if column is not None else None)


def _where(sheet: str | int | None, row: str | int | None, column: str | None) -> Text | None:
    if sheet is not None and row is not None and column is not None:
        return _later(_("Sheet %(sheet)s, row %(row)s, column %(column)s"), _named(sheet, row, column))
    if sheet is not None and row is not None:
        return _later(_("Sheet %(sheet)s, row %(row)s"), _named(sheet, row, column))
    if sheet is not None:
        return _later(_("Sheet %(sheet)s"), _named(sheet, row, column))
    if row is not None and column is not None:
        return _later(_("Row %(row)s, column %(column)s"), _named(sheet, row, column))
    if row is not None:
        return _later(_("Row %(row)s"), _named(sheet, row, column))
    return None


def _named(*values: object) -> dict[str, object]:
    return dict(zip(("sheet", "row", "column"), values, strict=True))


def note_message(note: Note) -> Text:
    """The translated text of a note, without its row: that stands beside it."""
    params: dict[str, object] = dict(note.params)
    if note.column is not None:
        params["column"] = column_letter(note.column)
    return _later(_NOTES[note.code], params)
