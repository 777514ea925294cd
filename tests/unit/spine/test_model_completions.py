"""What a chat completion of ours sends is to the byte what OpenAI's SDK would send, and what comes back is the same."""

from __future__ import annotations

import pytest
from openai import APIStatusError, AsyncOpenAI
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from spine.adapters.model_completions import send_as_handed_over
from spine.testing.openai_server import Answer, Call, OpenAiServer, failure, text, tool

ASKED: list[ModelMessage] = [ModelRequest([SystemPromptPart("You sell cakes."), UserPromptPart("Ce torturi aveți?")])]
LOOKED_UP: list[ModelMessage] = [
    *ASKED,
    ModelResponse([TextPart("One moment."), ToolCallPart("find", {"word": "tort"}, "call_1")]),
    ModelRequest([ToolReturnPart("find", {"found": ["Red", "Blue"]}, "call_1"), UserPromptPart("And cheaper?")]),
]
PLAIN = ModelRequestParameters(output_mode="text", allow_text_output=True)
FIND = ToolDefinition(
    name="find",
    description="Find a product.",
    parameters_json_schema={
        "type": "object",
        "properties": {
            "word": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "shops": {"type": "array", "items": {"$ref": "#/$defs/Shop"}},
        },
        "$defs": {"Shop": {"type": "object", "properties": {"town": {"type": "string"}}}},
    },
)
WITH_TOOL = ModelRequestParameters(function_tools=[FIND], output_mode="text", allow_text_output=True)
TO_CALL_IT = ModelRequestParameters(output_tools=[FIND], output_mode="tool", allow_text_output=False)

SETTINGS = ModelSettings(temperature=0.2, max_tokens=300, timeout=20)


async def said(
    script: list[Answer], ours: bool, messages: list[ModelMessage], parameters: ModelRequestParameters
) -> tuple[Call, ModelResponse]:
    with OpenAiServer(script) as server:
        async with AsyncOpenAI(api_key="sk-test", base_url=server.base_url, max_retries=0) as client:
            if ours:
                send_as_handed_over(client)
            model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))
            response = await model.request(messages, SETTINGS, parameters)
        (call,) = server.calls
        return call, response


@pytest.mark.parametrize(
    ("messages", "parameters", "answer"),
    [
        (ASKED, PLAIN, text("Two.")),
        (ASKED, TO_CALL_IT, tool({"word": "tort"}, "find")),
        (ASKED, WITH_TOOL, tool({"word": "tort"}, "find")),
        (LOOKED_UP, WITH_TOOL, text("The red one.")),
    ],
    ids=["words alone", "an answer by tool", "a tool that may be used", "a conversation with a tool used"],
)
async def test_what_is_sent_and_understood_is_that_of_the_sdk(
    messages: list[ModelMessage], parameters: ModelRequestParameters, answer: Answer
) -> None:
    call, response = await said([answer], True, messages, parameters)
    their_call, their_response = await said([answer], False, messages, parameters)
    assert call.body == their_call.body and call.body["messages"]
    assert call.path == their_call.path
    known = dict(call.headers) | {"host": ""}
    assert known == dict(their_call.headers) | {"host": ""} and known["authorization"] == "Bearer sk-test"
    assert _content(response) == _content(their_response) != []
    assert response.usage == their_response.usage


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_refusal_is_the_error_of_the_sdk(status: int) -> None:
    with pytest.raises(ModelHTTPError) as raised:
        await said([failure(status)], True, ASKED, PLAIN)
    with pytest.raises(ModelHTTPError) as theirs:
        await said([failure(status)], False, ASKED, PLAIN)
    assert raised.value.status_code == theirs.value.status_code == status
    assert raised.value.body == theirs.value.body
    assert isinstance(raised.value.__cause__, APIStatusError)


def _content(response: ModelResponse) -> list[object]:
    """Without the numbers of the calls, which the server draws."""
    return [
        (part.tool_name, part.args) if isinstance(part, ToolCallPart) else getattr(part, "content", part)
        for part in response.parts
    ]
