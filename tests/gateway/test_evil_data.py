"""What strangers and models wrote is shown as text on every page that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.evil_data import (
    add_evil_cards,
    add_evil_conversations,
    add_evil_dead_letters,
    add_evil_personas,
    evil_elements,
    evil_passages,
)
from tests.gateway.gateway_desk import Desk, open_desk


@pytest.mark.parametrize(
    "add",
    [
        pytest.param(add_evil_personas, id="personas"),
        pytest.param(add_evil_conversations, id="conversations"),
        pytest.param(add_evil_dead_letters, id="queues and dead letters"),
        pytest.param(add_evil_cards, id="cards"),
    ],
)
async def test_nothing_in_the_data_becomes_markup(add: Callable[[Desk], Awaitable[list[str]]]) -> None:
    desk = await open_desk(search_passages=evil_passages)
    paths = await add(desk)
    async with desk.client() as client:
        answers = {path: await client.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {path: evil_elements(answer.text) for path, answer in answers.items()} == {path: [] for path in paths}
    assert any("alert(1)" in answer.text for answer in answers.values()), "it is shown, as text"
