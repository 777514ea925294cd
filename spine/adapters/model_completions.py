"""Chat completions of OpenAI's SDK, sent as they were handed over.

The SDK looks at every field of every message for a name to translate or a file to encode, once for each kind of message
there is, and takes 1 ms for it, a quarter of a call. Chat completions have no such field: what pydantic-ai builds is
what goes over the wire, and `tests/unit/spine/test_model_completions.py` holds it against the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion


def send_as_handed_over(client: AsyncOpenAI) -> None:
    """For all chat completions of this client, from now on."""
    client.chat.completions = _Completions(client)  # type: ignore[assignment]  # what of it pydantic-ai calls


class _Completions:
    """Stands for `AsyncCompletions`. Only whole answers; Millrace asks for no stream."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def create(
        self,
        *,
        timeout: float | httpx2.Timeout,
        extra_headers: Mapping[str, str],
        extra_body: object | None,
        **fields: Any,
    ) -> ChatCompletion:
        """With the arguments of the SDK's own; those that it calls omitted are not sent."""
        from openai import Omit
        from openai.types.chat import ChatCompletion

        body = {name: value for name, value in fields.items() if not isinstance(value, Omit)}
        options: Any = {"headers": extra_headers, "timeout": timeout}
        if extra_body is not None:
            options["extra_json"] = extra_body
        return await self._client.post("/chat/completions", cast_to=ChatCompletion, body=body, options=options)
