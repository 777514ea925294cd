"""Reading a table or a list of submissions: each row is a submission, or says what is wrong with it. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from pydantic import ValidationError

from spine.contracts.batches import BatchItem, RowError
from spine.contracts.submissions import SubmitRequest
from spine.errors import InvalidInputError
from spine.field_errors import FieldError, field_errors

MOST_ITEMS = 1_000
COLUMNS = tuple(SubmitRequest.model_fields)
_DELIMITERS = (",", ";", "\t")
_BETWEEN_LINKS = re.compile(r"[\s|]+")

Row = tuple[int, object]
"""The number of a row and its fields (or whatever stands there instead)."""

CheckRequest = Callable[[SubmitRequest], Sequence[FieldError]]
"""What only the place that takes the batch can know: blocked addresses, pipelines that there are not."""


def rows_of_table(data: bytes) -> list[Row]:
    """The rows of a CSV text in UTF-8 with a header of `SubmitRequest`'s fields; comma, semicolon or tab between cells.

    Raises `InvalidInputError` for what is wrong with the table as a whole.
    """
    records = _records(_decoded(data))
    header = [cell.strip().lower() for cell in next(records, [])]
    while header and not header[-1]:  # spreadsheets write columns that were only formatted
        header.pop()
    _check_header(header)
    rows: list[Row] = [
        (number, _fields(header, cells)) for number, cells in enumerate(records, start=1) if any(map(str.strip, cells))
    ]
    return _counted(rows)


def rows_of_list(value: object) -> list[Row]:
    """The entries of a JSON list, or of `{"items": […]}`."""
    if isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"items"}:
        value = cast("dict[str, Any]", value)["items"]
    if not isinstance(value, list):
        raise InvalidInputError("Send a list of submissions: [{…}, …] or {“items”: [{…}, …]}.")
    return _counted([*enumerate(cast("list[object]", value), start=1)])


def read_rows(rows: Sequence[Row], check: CheckRequest = lambda _: ()) -> tuple[list[BatchItem], list[RowError]]:
    """The submissions and, by row and field, why the others are none."""
    items: list[BatchItem] = []
    refused: list[RowError] = []
    for number, fields in rows:
        outcome = _request(fields)
        errors = check(outcome) if isinstance(outcome, SubmitRequest) else outcome
        if isinstance(outcome, SubmitRequest) and not errors:
            items.append(BatchItem(row=number, request=outcome))
        refused += [RowError(row=number, field=error.field, message=error.message) for error in errors]
    return items, refused


def _request(fields: object) -> SubmitRequest | list[FieldError]:
    if not isinstance(fields, dict):
        return [FieldError("item", "must be an object with the fields of a submission")]
    given = dict(cast("dict[str, Any]", fields))
    if (beyond := given.pop("", None)) is not None:
        return [FieldError("columns", str(beyond))]
    if isinstance(links := given.get("other_links"), str):
        given["other_links"] = [link for link in _BETWEEN_LINKS.split(links) if link]
    try:
        return SubmitRequest.model_validate(given)
    except ValidationError as error:
        return [FieldError("item", one.message) if one.field == "body" else one for one in field_errors(error)]


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError("The table is not UTF-8; save it as “CSV UTF-8”.") from error


def _records(text: str) -> Iterator[list[str]]:
    first = text.partition("\n")[0]
    delimiter = next((one for one in _DELIMITERS if _names_a_column(first, one)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise InvalidInputError(f"The table cannot be read at line {reader.line_num}: {error}.") from error


def _names_a_column(line: str, delimiter: str) -> bool:
    return "amazon_url" in [cell.strip().strip('"').lower() for cell in line.split(delimiter)]


def _check_header(header: Sequence[str]) -> None:
    choice = ", ".join(COLUMNS)
    if "amazon_url" not in header:
        raise InvalidInputError(f"The first line of the table must name its columns, amazon_url among them: {choice}.")
    if unknown := [name for name in header if name not in COLUMNS]:
        raise InvalidInputError(f"The table has a column {unknown[0][:40]!r}; the columns are {choice}.")
    if len(set(header)) < len(header):
        raise InvalidInputError("A column of the table is there twice.")


def _fields(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells under their columns; an empty one leaves the default. A complaint about more cells is under ``."""
    fields = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    if any(cell.strip() for cell in cells[len(header) :]):
        fields[""] = f"has {len(cells)} cells under {len(header)} columns; put a cell with a separator in quotes"
    return fields


def _counted(rows: list[Row]) -> list[Row]:
    if not rows:
        raise InvalidInputError("There is no submission in the batch.")
    if len(rows) > MOST_ITEMS:
        raise InvalidInputError(f"A batch may have {MOST_ITEMS:,} submissions; this one has {len(rows):,}.")
    return rows
