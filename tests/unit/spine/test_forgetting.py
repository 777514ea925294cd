"""What of a conversation is its person's, and what stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spine.contracts.conversations import Order, OrderItem, OrderProposal, OrderStatus, TaskName
from spine.contracts.jobs import Job, JobError, JobStatus
from spine.forgetting import emptied, kept_of, name_without_person, stands_in_the_way
from spine.jobs import from_document, to_document

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANA = "telegram:shop:42"
NOBODY = name_without_person(ANA)


def job(task: str, status: JobStatus = JobStatus.SUCCESS, **fields: Any) -> Job:
    made = {"job_id": "job_1", "pipeline": "conversation", "subject_id": ANA, "idempotency_key": "key", **fields}
    return Job(**{"params": {"task": task}, **made}, status=status)


@pytest.mark.parametrize(
    ("task", "status", "refused"),
    [
        pytest.param("process_message", JobStatus.SUCCESS, False, id="answered"),
        pytest.param("process_message", JobStatus.DEAD, False, id="given up"),
        pytest.param("process_message", JobStatus.PENDING, True, id="a message waits for its answer"),
        pytest.param("process_and_respond", JobStatus.RETRY, True, id="and is tried again"),
        pytest.param("process_and_respond", JobStatus.STARTED, True, id="or is being answered"),
        pytest.param("send_response", JobStatus.PENDING, True, id="words on their way"),
        pytest.param("create_crm_order", JobStatus.RETRY, True, id="a confirmed order on its way"),
        pytest.param("send_followup", JobStatus.PENDING, False, id="a planned follow-up is called off"),
        pytest.param("send_followup", JobStatus.PROGRESS, True, id="one that is being sent is not"),
        pytest.param("summarize_session", JobStatus.RETRY, False, id="nobody needs the summary"),
        pytest.param("summarize_session", JobStatus.STARTED, True, id="but it would be written"),
    ],
)
def test_what_would_be_lost_stands_in_the_way(task: str, status: JobStatus, refused: bool) -> None:
    assert stands_in_the_way(job(task, status)) is refused


@pytest.mark.parametrize(
    ("task", "status", "key", "subject", "after"),
    [
        pytest.param("process_and_respond", JobStatus.SUCCESS, "key", NOBODY, JobStatus.SUCCESS, id="a message"),
        pytest.param("process_message", JobStatus.DEAD, "key", NOBODY, JobStatus.REVOKED, id="not put back to work"),
        pytest.param("send_response", JobStatus.FAILURE, "key", NOBODY, JobStatus.REVOKED, id="nor one that failed"),
        pytest.param("summarize_session", JobStatus.SUCCESS, "job_1", NOBODY, JobStatus.SUCCESS, id="a summary"),
        pytest.param("send_followup", JobStatus.REVOKED, "job_1", NOBODY, JobStatus.REVOKED, id="a follow-up"),
        pytest.param("create_crm_order", JobStatus.SUCCESS, "job_1", NOBODY, JobStatus.SUCCESS, id="an order"),
        pytest.param("handle_webhook", JobStatus.SUCCESS, "key", "webhook:shop", JobStatus.SUCCESS, id="a webhook"),
    ],
)
def test_of_a_job_stays_that_it_was(task: str, status: JobStatus, key: str, subject: str, after: JobStatus) -> None:
    told = {"task": task, "message": {"text": "My name is Ana"}, "inline": {"text": "Hello Ana"}, "session_id": ANA}
    error = JobError(error_class="InvalidInputError", message="'Ana' is no number", step="x", error_code="invalid")
    about = "webhook:shop" if task == TaskName.HANDLE_WEBHOOK else ANA
    before = job(task, status, params=told, error=error, result={"text": "Hello Ana"}, subject_id=about)
    left = from_document({**to_document(before), **emptied(before, AT)})
    assert (left.status, left.idempotency_key, left.subject_id) == (after, key, subject)
    assert (left.params, left.result) == ({"task": task, "removed": "2026-05-01T12:00:00.000Z"}, None)
    assert left.error == error.model_copy(update={"message": "removed"})
    assert "Ana" not in left.model_dump_json() and ANA not in left.model_dump_json()


@pytest.mark.parametrize(
    ("status", "number", "stays"),
    [
        pytest.param(OrderStatus.PROPOSED, None, False, id="never confirmed"),
        pytest.param(OrderStatus.REJECTED, None, False, id="declined"),
        pytest.param(OrderStatus.CONFIRMED, None, False, id="no CRM to give it to"),
        pytest.param(OrderStatus.FAILED, None, False, id="refused by the CRM"),
        pytest.param(OrderStatus.CREATED, "crm-1", True, id="in the CRM"),
    ],
)
def test_an_order_stays_when_a_crm_has_it_and_then_without_words(
    status: OrderStatus, number: str | None, stays: bool
) -> None:
    proposal = OrderProposal(
        items=[OrderItem(sku="ANA-1", name="Ribbon for Ana", quantity=2, unit_price="12.50")],
        currency="EUR",
        total="25.00",
        customer_name="Ana Pop",
        customer_contact="ana@example.com",
        note="Ring at Ana's",
    )
    order = Order(order_id="ord_1", session_id=ANA, proposal=proposal, customer_id="42", status=status)
    kept = kept_of(order.model_copy(update={"crm": "shop", "crm_order_id": number}))
    assert (kept is not None) is stays
    if kept is not None:
        assert (kept.crm, kept.crm_order_id, kept.session_id, kept.customer_id) == ("shop", "crm-1", NOBODY, "")
        assert (kept.proposal.total, kept.proposal.items[0].quantity) == ("25.00", 2)
        assert Order.model_validate(kept.model_dump()) == kept
        assert "ana" not in kept.model_dump_json().lower()
