"""The pipeline of conversations is edited, and copied under another name, like any other."""

from __future__ import annotations

import httpx

from tasks.conversation.configuration import seed
from tests.gateway.gateway_desk import Desk


async def test_an_account_can_have_a_conversation_pipeline_of_its_own(desk: Desk, client: httpx.AsyncClient) -> None:
    assert len(await seed(desk.documents)) == 5 and await seed(desk.documents) == []
    config = (await client.get("/pipelines/conversation")).json()
    assert [step["id"] for step in config["steps"]] == ["reply", "confirmation", "summary", "followup"]
    config["steps"][0]["model_id"] = "llama-3.1-8b-instant"
    saved = await client.put("/pipelines/sales-bot", json=config)
    assert (saved.status_code, saved.json()["slug"]) == (200, "sales-bot")
    config["steps"].pop()
    assert (await client.put("/pipelines/broken-bot", json=config)).status_code == 422
