"""Embeddings over OpenAI's wire format, against a loopback server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spine.adapters.openai_embedder import OpenAiEmbedder
from spine.errors import (
    AuthenticationError,
    ContextLengthError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotConfiguredError,
    PageTooLargeError,
    RateLimitError,
    TimeLimitError,
)
from spine.testing.openai_server import Answer, Call, OpenAiServer, failure, hang

KEY = "sk-test-0123456789abcdef"


def vectors_of(call: Call) -> Answer:
    """Backwards, as a service may; each vector tells its text's length."""
    data = [{"index": place, "embedding": [float(len(text)), 0.0]} for place, text in enumerate(call.body["input"])]
    return Answer(body={"object": "list", "data": data[::-1], "model": call.model})


@asynccontextmanager
async def embedder(server: OpenAiServer, **more: Any) -> AsyncIterator[OpenAiEmbedder]:
    settings = {"api_key": KEY, "base_url": server.base_url, "dimension": 2, **more}
    made = OpenAiEmbedder("small", **settings)
    yield made
    await made.close()


def then_answer(first: Answer, times: int = 1) -> Callable[[Call], Answer]:
    """`first` so many times, then vectors."""
    left = [first] * times
    return lambda call: left.pop() if left else vectors_of(call)


async def test_vectors_come_in_the_order_of_the_texts_and_have_length_1() -> None:
    def turned(call: Call) -> Answer:
        data = [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [3.0, 4.0]}]
        return Answer(body={"data": data})

    with OpenAiServer(turned) as server:
        async with embedder(server) as small:
            assert await small.embed(["one", "two"]) == [[0.6, 0.8], [0.0, 1.0]]
    [call] = server.calls
    assert call.path == "/v1/embeddings"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert (call.model, call.body["input"]) == ("small", ["one", "two"])


async def test_many_texts_go_in_several_calls() -> None:
    with OpenAiServer(vectors_of) as server:
        async with embedder(server) as small:
            assert len(await small.embed(["text"] * 300)) == 300
            assert await small.embed([]) == []
    assert [len(call.body["input"]) for call in server.calls] == [128, 128, 44]


async def test_long_texts_go_in_calls_that_a_service_takes() -> None:
    with OpenAiServer(vectors_of) as server:
        async with embedder(server) as small:
            await small.embed(["x" * 240_000] * 5)
    assert [len(call.body["input"]) for call in server.calls] == [2, 2, 1]


async def test_an_empty_text_is_sent_as_a_blank() -> None:
    with OpenAiServer(vectors_of) as server:
        async with embedder(server) as small:
            await small.embed([""])
    assert server.calls[0].body["input"] == [" "]


async def test_a_service_that_asks_to_wait_is_waited_for() -> None:
    with OpenAiServer(then_answer(failure(429, retry_after=0), times=3)) as server:
        async with embedder(server) as small:
            assert await small.embed(["one"]) == [[1.0, 0.0]]
    assert server.count == 4


@pytest.mark.parametrize(("wait", "calls"), [(0, 4), (3600, 1)], ids=["asked too often", "asked for an hour"])
async def test_patience_has_an_end(wait: float, calls: int) -> None:
    with OpenAiServer([failure(429, retry_after=wait)]) as server:
        async with embedder(server) as small:
            with pytest.raises(RateLimitError) as caught:
                await small.embed(["one"])
    assert caught.value.retry_after == wait
    assert server.count == calls


REFUSALS = [
    ("a bad key", failure(401, "Incorrect API key provided"), AuthenticationError),
    ("no quota", failure(429, "You exceeded your current quota", code="insufficient_quota"), AuthenticationError),
    ("a text too long", failure(400, "maximum context length is 8192 tokens"), ContextLengthError),
    ("an unknown model", failure(404, "The model does not exist"), NotConfiguredError),
    ("a bad request", failure(400, "invalid input"), InvalidInputError),
    ("a fault of the server", failure(500), ExternalServiceError),
    ("something that is not JSON", Answer(body="<html>", content_type="text/html"), ExternalServiceError),
    ("no vectors", Answer(body={"data": None}), ExternalServiceError),
    ("too few vectors", Answer(body={"data": []}), ExternalServiceError),
    ("a vector of texts", Answer(body={"data": [{"index": 0, "embedding": ["x"]}]}), ExternalServiceError),
    ("no number", Answer(body='{"data": [{"index": 0, "embedding": [NaN, 1]}]}'), ExternalServiceError),
    ("two of one text", Answer(body={"data": [{"index": 1, "embedding": [1.0, 0.0]}]}), ExternalServiceError),
    ("more than vectors can take", Answer(body={"data": [], "more": "x" * (2 << 20)}), PageTooLargeError),
    ("another dimension", Answer(body={"data": [{"index": 0, "embedding": [1.0]}]}), InvalidInputError),
]


@pytest.mark.parametrize(("answer", "error"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
async def test_a_refusal_is_one_of_our_errors(answer: Answer, error: type[MillraceError]) -> None:
    with OpenAiServer([answer]) as server:
        async with embedder(server) as small:
            with pytest.raises(error) as caught:
                await small.embed(["one"])
    assert type(caught.value) is error
    assert KEY not in str(caught.value)


async def test_a_service_that_does_not_answer_is_a_time_limit() -> None:
    with OpenAiServer([hang()]) as server:
        async with embedder(server, timeout=0.1) as small:
            with pytest.raises(TimeLimitError):
                await small.embed(["one"])


async def test_a_service_that_is_away_is_a_passing_fault(free_port: int) -> None:
    away = OpenAiEmbedder("small", api_key=KEY, base_url=f"http://127.0.0.1:{free_port}/v1", dimension=2)
    with pytest.raises(ExternalServiceError):
        await away.embed(["one"])
    await away.close()


@pytest.mark.parametrize(
    ("model", "dimension"), [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072)], ids=str
)
async def test_openais_own_models_need_no_dimension(model: str, dimension: int) -> None:
    embedder = OpenAiEmbedder(model, api_key=KEY)
    assert (embedder.name, embedder.dimension) == (model, dimension)
    await embedder.close()


def test_another_model_needs_a_dimension() -> None:
    with pytest.raises(NotConfiguredError, match="dimension"):
        OpenAiEmbedder("nomic-embed-text", api_key=KEY)
