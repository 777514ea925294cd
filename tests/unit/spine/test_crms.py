"""Orders in a CRM: one per key, over its REST API or as a signed webhook."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from spine.adapters.crm_snitkix import SnitkixCrm
from spine.adapters.crm_webhook import WebhookCrm
from spine.contracts.conversations import Order, OrderItem, OrderProposal
from spine.errors import AuthenticationError, ExternalServiceError, PermanentError
from spine.testing.loopback_api import ApiAnswer
from spine.testing.loopback_crm import LoopbackCrm

SECRET = "whsec_b3JkZXIgc2VjcmV0"
ORDER = Order(
    order_id="ord_1",
    session_id="telegram:shop:42",
    proposal=OrderProposal(
        items=[OrderItem(sku="S-1", name="Ribbon", quantity=2, unit_price="12.50")],
        currency="EUR",
        total="25.00",
        customer_name="Ana Pop",
        customer_contact="ana@example.com",
    ),
)


async def test_an_order_is_created_with_exact_amounts_and_found_again() -> None:
    with LoopbackCrm(key="crm-key") as server:
        crm = SnitkixCrm(server.url, SecretStr("crm-key"))
        assert await crm.find_order("key-1") is None
        made = await crm.create_order(ORDER, "key-1")
        assert await crm.find_order("key-1") == made
        assert await crm.create_order(ORDER, "key-1") == made
        await crm.close()
    (stored,) = server.orders
    assert (stored["total"], stored["items"][0]["unit_price"], stored["external_id"]) == ("25.00", "12.50", "key-1")
    assert server.calls[1].headers["idempotency-key"] == "key-1"


async def test_an_order_that_was_made_before_the_line_broke_is_found() -> None:
    with LoopbackCrm() as server:
        crm = SnitkixCrm(server.url, SecretStr("crm-key"))
        server.fault = lambda call: ApiAnswer(breaks=True, done=True) if call.method == "POST" else None
        with pytest.raises(ExternalServiceError) as found:
            await crm.create_order(ORDER, "key-1")
        assert found.value.delivered is None
        assert await crm.find_order("key-1") == "crm-1"
        await crm.close()


async def test_an_order_that_the_crm_knows_already_is_looked_up_by_its_key() -> None:
    with LoopbackCrm() as server:
        crm = SnitkixCrm(server.url, SecretStr("crm-key"))
        made = await crm.create_order(ORDER, "key-1")
        refusal = ApiAnswer(409, {"message": "external_id has already been taken"})
        server.fault = lambda call: refusal if call.method == "POST" else None
        assert await crm.create_order(ORDER, "key-1") == made
        server.fault = lambda call: ApiAnswer(409, {"id": made}) if call.method == "POST" else None
        assert await crm.create_order(ORDER, "key-1") == made
        await crm.close()


async def test_a_conflict_about_an_order_that_is_not_there_yet_may_be_tried_again() -> None:
    with LoopbackCrm() as server:
        server.fault = lambda call: ApiAnswer(409, {"message": "in progress"}) if call.method == "POST" else None
        crm = SnitkixCrm(server.url, SecretStr("crm-key"))
        with pytest.raises(ExternalServiceError, match="in progress") as found:
            await crm.create_order(ORDER, "key-1")
        await crm.close()
    assert (found.value.retryable, found.value.status, found.value.delivered) == (True, 409, None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ApiAnswer(401, {"message": "no"}), AuthenticationError),
        (ApiAnswer(422, {"message": "no such item"}), PermanentError),
        (ApiAnswer(503, {}), ExternalServiceError),
        (ApiAnswer(201, {"fine": True}), ExternalServiceError),
    ],
)
async def test_a_refusal_is_told_apart_from_a_failure(answer: ApiAnswer, kind: type[Exception]) -> None:
    with LoopbackCrm() as server:
        server.fault = lambda call: answer
        crm = SnitkixCrm(server.url, SecretStr("crm-key"))
        with pytest.raises(kind) as found:
            await crm.create_order(ORDER, "key-1")
        await crm.close()
    assert type(found.value) is kind and "crm-key" not in str(found.value)


async def test_a_signed_webhook_carries_the_order_under_an_id_that_repeats() -> None:
    with LoopbackCrm(secret=SECRET) as server:
        crm = WebhookCrm(f"{server.url}/hook", SecretStr(SECRET))
        assert await crm.create_order(ORDER, "key-1") == await crm.create_order(ORDER, "key-1") == "crm-1"
        await crm.close()
    assert len({call.headers["webhook-id"] for call in server.calls}) == 1
    assert server.calls[0].body["type"] == "order.confirmed"
    assert len(server.orders) == 1


async def test_a_receiver_without_ids_of_its_own_leaves_the_order_with_ours() -> None:
    with LoopbackCrm() as server:
        server.fault = lambda call: ApiAnswer(202, {"accepted": True})
        crm = WebhookCrm(f"{server.url}/hook?shop=1", SecretStr(SECRET))
        assert await crm.create_order(ORDER, "key-1") == "ord_1"
        await crm.close()
    assert server.calls[0].query == {"shop": "1"}
