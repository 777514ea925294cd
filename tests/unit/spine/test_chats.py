"""How models converse: over the real wire format, against a loopback server that answers as scripted."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from spine.adapters.model_chat import PydanticAiChats
from spine.adapters.model_wire import ModelWire
from spine.budget import Budget, Purse, paying_from
from spine.chat_port import ChatReply, ChatRequest, ChatTool, ChatTurn
from spine.errors import (
    BudgetExceededError,
    InvalidInputError,
    InvalidModelOutputError,
    ModelsUnavailableError,
    NotConfiguredError,
)
from spine.live_queues import LLM
from spine.ports import ModelChoice
from spine.provider_keys import ProviderCredential
from spine.testing.openai_server import Answer, Call, OpenAiServer, Script, failure, hang, text, tool

KEY = "sk-canary-0123456789abcdef"


class Place(BaseModel):
    name: str = Field(min_length=2)


class Lookups:
    """A tool with a memory."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, place: Place) -> str:
        self.asked.append(place.name)
        if place.name == "Atlantis":
            raise InvalidInputError("there is no such place")
        return f"It rains in {place.name}."


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


def question(lookups: Lookups | None = None, **more: Any) -> ChatRequest:
    tools = [ChatTool("weather", "The weather of a place.", Place, lookups)] if lookups else []
    turns = [ChatTurn("user", "Hi"), ChatTurn("assistant", "Hello!"), ChatTurn("user", "How is Oslo?")]
    return ChatRequest("chat", "Be brief.", turns, tools, **more)


def choice(provider: str = "openai", **more: Any) -> ModelChoice:
    return ModelChoice(provider, "gpt-4", timeout_seconds=more.pop("timeout_seconds", 10.0), **more)


Serve = Callable[[Script], OpenAiServer]
Ask = Callable[..., Any]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[OpenAiServer] = []

    def start(script: Script) -> OpenAiServer:
        started.append(OpenAiServer(script).start())
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Asks servers in their order, each as a provider of its own."""
    wire = ModelWire()

    async def reply(request: ChatRequest, *servers: OpenAiServer, **more: Any) -> ChatReply:
        known = {f"p{place}": ProviderCredential(SecretStr(KEY), one.base_url) for place, one in enumerate(servers)}
        chats = PydanticAiChats(wire, lambda provider, name: known.get(provider), longest_wait=1.0)
        return await chats.reply(request, [choice(provider, **more) for provider in known])

    yield reply
    await wire.close()


def roles(call: Call) -> list[str]:
    return [message["role"] for message in call.body["messages"]]


async def test_a_conversation_goes_over_the_wire_in_turns_and_words_come_back(serve: Serve, ask: Ask) -> None:
    server = serve([text("Rainy.")])
    reply = await ask(question(), server)
    (call,) = server.calls
    assert (reply.text, reply.provider, reply.usage.calls, reply.tools) == ("Rainy.", "p0", 1, ())
    assert roles(call) == ["system", "user", "assistant", "user"]
    assert (call.system, call.prompt, "tools" in call.body) == ("Be brief.", "How is Oslo?", False)


async def test_as_many_calls_as_a_lane_answers_messages_are_on_their_way_at_once(serve: Serve, ask: Ask) -> None:
    together = threading.Barrier(LLM.width)

    def script(call: Call) -> Answer:
        together.wait(timeout=20)  # the last one lets all of them go on; one that is missing fails them
        return text("Rainy.")

    server = serve(script)
    replies = await asyncio.gather(*(ask(question(), server, timeout_seconds=30.0) for _ in range(LLM.width)))
    assert {reply.text for reply in replies} == {"Rainy."}


async def test_a_tool_that_the_model_calls_is_run_and_its_result_goes_back(
    serve: Serve, ask: Ask, lookups: Lookups
) -> None:
    server = serve([tool({"name": "Oslo"}, "weather"), text("It rains.")])
    reply = await ask(question(lookups), server)
    first, second = server.calls
    assert lookups.asked == ["Oslo"]
    assert first.tool is not None and first.tool["name"] == "weather"
    assert roles(second)[-2:] == ["assistant", "tool"]
    assert second.body["messages"][-1]["content"] == "It rains in Oslo."
    assert [(use.name, use.result, use.input) for use in reply.tools] == [
        ("weather", "It rains in Oslo.", Place(name="Oslo"))
    ]
    assert (reply.text, reply.usage.calls, reply.usage.input_tokens) == ("It rains.", 2, 200)


WRONG_CALLS: dict[str, tuple[Answer, str]] = {
    "input that does not fit": (tool({"name": "O"}, "weather"), "does not fit: name"),
    "no JSON": (tool("{nonsense", "weather"), "does not fit"),
    "a tool that is not there": (tool({}, "launch"), "There is no tool 'launch'; there are: weather"),
    "refused by the tool": (tool({"name": "Atlantis"}, "weather"), "Refused: there is no such place"),
}


@pytest.mark.parametrize(("wrong", "told"), WRONG_CALLS.values(), ids=WRONG_CALLS)
async def test_a_call_that_cannot_be_made_is_told_to_the_model_which_may_correct_itself(
    wrong: Answer, told: str, serve: Serve, ask: Ask, lookups: Lookups
) -> None:
    server = serve([wrong, tool({"name": "Oslo"}, "weather"), text("It rains.")])
    reply = await ask(question(lookups), server)
    assert told in server.calls[1].body["messages"][-1]["content"]
    assert [use.input is None for use in reply.tools] == [True, False]
    assert reply.text == "It rains."


async def test_a_server_that_always_calls_a_tool_is_asked_once_more_without_tools(
    serve: Serve, ask: Ask, lookups: Lookups
) -> None:
    def script(call: Call) -> Answer:
        return tool({"name": "Oslo"}, "weather") if call.tool else text("It rains, I looked it up.")

    server = serve(script)
    reply = await ask(question(lookups, max_rounds=2), server)
    assert (reply.text, server.count, len(lookups.asked)) == ("It rains, I looked it up.", 3, 2)
    last = server.calls[-1]
    assert "tools" not in last.body and "tool" not in roles(last)
    assert "It rains in Oslo." in json.dumps(last.body)


async def test_a_call_that_is_written_down_as_text_counts_as_one_and_is_told_to_nobody(
    serve: Serve, ask: Ask, lookups: Lookups
) -> None:
    written = '```json\n{"name": "weather", "arguments": {"name": "Oslo"}}\n```'
    reply = await ask(question(lookups), serve([text(written), text("It rains.")]))
    assert (lookups.asked, reply.text) == (["Oslo"], "It rains.")


async def test_a_server_that_refuses_tools_is_asked_without_them(serve: Serve, ask: Ask, lookups: Lookups) -> None:
    def script(call: Call) -> Answer:
        return failure(400, "this model does not support tools") if call.tool else text("No idea.")

    reply = await ask(question(lookups), serve(script))
    assert (reply.text, len(reply.attempts)) == ("No idea.", 1)


@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param("<think>hm</think>  ", id="thoughts alone"),
        pytest.param("  \n \u200b ", id="a space of no width"),
        pytest.param("\ufeff\u2060\u200d\u00ad", id="other characters that nobody sees"),
        pytest.param("\x00\x1b", id="control characters"),
        pytest.param("\u3164\u2800\ufe0f", id="signs that are blank"),
    ],
)
async def test_an_empty_answer_is_asked_again_and_then_counts_as_the_providers_failure(
    serve: Serve, ask: Ask, nothing: str
) -> None:
    silent, spoken = serve([text(nothing)]), serve([text("Rainy.")])
    reply = await ask(question(), silent, spoken)
    assert (silent.count, reply.text, reply.provider) == (2, "Rainy.", "p1")
    assert reply.fallback_reason is not None and "p0 failed (InvalidModelOutputError" in reply.fallback_reason


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        pytest.param("Ra\x00iny\x07.\x1b", "Rainy.", id="control characters go"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tabs and line feeds stay"),
        pytest.param("a\r\nb\rc\x85d", "a\nb\nc\nd", id="line ends are line feeds"),
        pytest.param("می\u200cخواهم 👨\u200d👩\u200d👧", "می\u200cخواهم 👨\u200d👩\u200d👧", id="joiners stay"),
        pytest.param("👍", "👍", id="a sign is an answer"),
    ],
)
async def test_an_answer_comes_without_control_characters(serve: Serve, ask: Ask, answered: str, said: str) -> None:
    assert (await ask(question(), serve([text(answered)]))).text == said


FAULTS = {
    "rate limit": failure(429, "slow down", retry_after=30),
    "server fault": failure(500),
    "no JSON": Answer(body="<html>nonsense</html>", content_type="text/html"),
    "refused key": failure(401, "bad key"),
    "an answer far beyond its max_tokens": text("word " * 600_000),
    "an answer beyond any bound": text("word " * 3_000_000),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_provider_that_fails_leaves_the_answer_to_the_next_one(fault: Answer, serve: Serve, ask: Ask) -> None:
    reply = await ask(question(), serve([fault]), serve([text("Rainy.")]))
    assert (reply.text, reply.provider) == ("Rainy.", "p1")
    assert [attempt["outcome"] for attempt in reply.attempts] == ["failed", "ok"]


async def test_a_short_wait_that_a_provider_asks_for_is_kept(serve: Serve, ask: Ask) -> None:
    server = serve([failure(429, "slow down", retry_after=0.1), text("Rainy.")])
    assert (await ask(question(), server)).provider == "p0"


async def test_a_provider_that_hangs_is_left_after_its_time(serve: Serve, ask: Ask) -> None:
    with pytest.raises(ModelsUnavailableError) as caught:
        await ask(question(), serve([hang()]), timeout_seconds=0.3)
    assert caught.value.attempts[0]["error_class"] == "TimeLimitError"


async def test_a_key_that_a_server_echoes_reaches_neither_the_answer_nor_a_tool(
    serve: Serve, ask: Ask, lookups: Lookups
) -> None:
    server = serve([tool({"name": f"Oslo {KEY}"}, "weather"), text(f"Your key is {KEY}.")])
    reply = await ask(question(lookups), server)
    assert KEY not in reply.text + lookups.asked[0] + repr(reply)
    assert lookups.asked[0].startswith("Oslo [hidden]")


async def test_a_call_that_may_cost_more_than_is_left_is_not_made(serve: Serve, ask: Ask) -> None:
    server = serve([text("Rainy.")])
    purse = Purse(Budget(tokens=100), lambda *_: None)
    with paying_from(purse), pytest.raises(BudgetExceededError):
        await ask(question(), server)
    assert server.count == 0


async def test_every_call_of_a_turn_is_paid_for(serve: Serve, ask: Ask, lookups: Lookups) -> None:
    server = serve([tool({"name": "Oslo"}, "weather"), text("It rains.")])
    with paying_from(Purse(Budget(tokens=100_000), lambda *_: None)) as purse:
        await ask(question(lookups), server)
    assert purse.spent.tokens == 240


async def test_the_extractive_provider_answers_without_a_key(ask: Ask) -> None:
    chats = PydanticAiChats(ModelWire(), lambda provider, name: None)
    extractive = ModelChoice("extractive", "extractive")
    reply = await chats.reply(question(extractive=lambda: "From the works."), [choice(), extractive])
    assert (reply.text, reply.provider) == ("From the works.", "extractive")
    with pytest.raises(InvalidModelOutputError):
        await chats.reply(question(), [extractive])
    with pytest.raises(NotConfiguredError):
        await chats.reply(question(), [])
