"""Giving many books for review at once, and how such a batch goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from gateway.dependencies import Context
from gateway.problems import ProblemError
from gateway.routes.submissions import reviews_books
from gateway.starting import hand_over
from spine.batch_rows import Row, read_rows, rows_of_list, rows_of_table
from spine.batches import BatchDesk
from spine.contracts.batches import BatchResult, RowError
from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import SubmitRequest
from spine.errors import BlockedUrlError, ConflictError, InvalidInputError
from spine.field_errors import FieldError
from spine.spreadsheet_cells import csv_text

router = APIRouter(prefix="/submissions/batch", tags=["review desk"])

_SUBMISSION: dict[str, Any] = {"type": "object", "description": "the fields of POST /submit"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": _SUBMISSION, "maxItems": 1000}},
            "text/csv": {
                "schema": {"type": "string"},
                "example": "amazon_url,language\nhttps://shop.example/dp/1,en\n",
            },
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        },
    }
}


class BatchStarted(BaseModel):
    """A batch that was accepted. Its job is watched and cancelled like any other."""

    batch_id: str = Field(examples=["bat_0193f0a2b4c1d2e3f4a5b6c7"])
    job_id: str
    status: JobStatus
    accepted: int = Field(description="rows that become submissions")
    refused: list[RowError] = Field(description="rows that do not, with their reasons; rows are counted from 1")


class BatchState(BatchResult):
    """Where a batch and each of its items stand now."""

    job_id: str | None
    status: JobStatus | None
    refusals: list[RowError]


@router.post("", status_code=202, summary="Give up to 1,000 books for review", openapi_extra=_BODY)
async def submit_batch(
    request: Request,
    context: Context,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="the same key again gives the batch it made")
    ] = None,
) -> BatchStarted:
    """A JSON list, or a table as `text/csv` or as the file of a form. Columns are the fields of `POST /submit`;
    `other_links` are separated by spaces or `|`. Rows that do not fit are told and left out; 422 when none fits."""
    items, refused = await _checked(context, await _rows(request))
    if not items:
        told = "No row is a submission."
        raise ProblemError(422, "invalid_input", told, errors=[_by_row(error) for error in refused[:100]])
    desk = BatchDesk(context.documents, context.ledger)
    try:
        batch, job = await desk.accept(items, refused, idempotency_key=idempotency_key)
    except ConflictError as error:
        raise ProblemError(422, "idempotency_key_reused", error.message) from error
    await hand_over(context, job)
    return BatchStarted(
        batch_id=batch.batch_id, job_id=job.job_id, status=job.status, accepted=len(items), refused=batch.refused
    )


@router.get(
    "/{batch_id}",
    summary="A batch and where each of its items stands",
    response_model=BatchState,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_batch(
    batch_id: str, context: Context, format: Annotated[Literal["json", "csv"], Query()] = "json"
) -> BatchState | Response:
    """`format=csv` is a table for spreadsheets, in which no cell is run as a formula."""
    desk = BatchDesk(context.documents, context.ledger)
    batch = await desk.get(batch_id)
    result, job = await desk.result(batch), await desk.job_of(batch)
    if format == "csv":
        return _table(batch_id, result, batch.refused)
    return BatchState(
        **result.model_dump(),
        job_id=job.job_id if job else None,
        status=job.status if job else None,
        refusals=batch.refused,
    )


# -- reading the body ------------------------------------------------------------------------------------------------


async def _rows(request: Request) -> list[Row]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/csv":
        return rows_of_table(await request.body())
    if kind == "multipart/form-data":
        return rows_of_table(await _file(request))
    try:
        return rows_of_list(json.loads(await request.body()))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("The body is no JSON.") from error


async def _file(request: Request) -> bytes:
    async with request.form(max_files=1, max_fields=10) as form:
        files = [part for part in form.values() if isinstance(part, UploadFile)]
        if not files:
            raise InvalidInputError("The form has no file; send the table as the file of a field named file.")
        return await files[0].read()


async def _checked(context: Context, rows: Sequence[Row]) -> Any:
    """The rows as submissions whose addresses may be fetched and whose pipelines there are."""
    items, _ = read_rows(rows)
    slugs = {item.request.pipeline_id for item in items}
    known = {slug for slug in slugs if await reviews_books(context, slug)}

    def check(request: SubmitRequest) -> list[FieldError]:
        return [*_blocked(context, request), *_without_pipeline(request, known)]

    return read_rows(rows, check)


def _blocked(context: Context, request: SubmitRequest) -> list[FieldError]:
    errors: list[FieldError] = []
    places = [("amazon_url", request.amazon_url), ("goodreads_url", request.goodreads_url)]
    places += [("author_site", request.author_site), *(("other_links", link) for link in request.other_links)]
    for field, url in places:
        try:
            if url:
                context.check_url(url)
        except BlockedUrlError:
            errors.append(FieldError(field, "must be a public web address"))
    return errors


def _without_pipeline(request: SubmitRequest, known: set[str]) -> list[FieldError]:
    if request.pipeline_id in known:
        return []
    return [FieldError("pipeline_id", "must be the slug of a pipeline; `GET /pipelines` lists them")]


def _by_row(error: RowError) -> dict[str, str]:
    return {"field": f"{error.row}.{error.field}", "message": error.message}


def _table(batch_id: str, result: BatchResult, refused: Sequence[RowError]) -> Response:
    columns = ("row", "status", "submission_id", "job_id", "title", "amazon_url", "error")
    rows = [[getattr(item, name) for name in columns] for item in result.items]
    rows += [[error.row, "REFUSED", "", "", "", "", f"{error.field}: {error.message}"] for error in refused]
    headers = {"Content-Disposition": f'attachment; filename="{batch_id}.csv"'}
    table = csv_text(columns, sorted(rows, key=lambda row: row[0]))
    return Response(table, media_type="text/csv; charset=utf-8", headers=headers)
