"""The HTTP client that the providers' SDKs call through: mended answers, none without a bound, and none lost to a
connection's age."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spine.adapters.model_mending import mend
from spine.errors import InvalidModelOutputError

if TYPE_CHECKING:
    import httpx2

_BODY_HEADERS = {"content-length", "content-encoding", "transfer-encoding", "content-type"}
_MOST_BYTES: Final = 8 << 20  # of an answer, unpacked: many times what the longest article takes
_MOST_CLOSED: Final = 3  # kept connections that may turn out to be closed, one after the other


@dataclass(slots=True)
class _Way:
    """What the pool tells of a request on its way, as its `trace`."""

    new: bool = False
    """It went over a connection that was made for it."""
    answered: bool = False
    """The head of an answer came."""

    async def __call__(self, event: str, _: dict[str, Any]) -> None:
        if event.startswith("connection.connect_"):
            self.new = True
        elif event.endswith("receive_response_headers.complete"):
            self.answered = True

    @property
    def met_a_closed_one(self) -> bool:
        return not self.new and not self.answered


def lenient_client(**options: Any) -> httpx2.AsyncClient:
    """An `httpx2.AsyncClient` for chat completions.

    What is sent over a kept connection just as the server closes it is sent again over another one: servers close idle
    ones after a few seconds (uvicorn after five, as long as this client keeps them), and the request never arrived.
    Answers are mended before an SDK sees them (see `model_mending`). One of more than 8 MiB, unpacked, is not read to
    its end: `InvalidModelOutputError`. Who asks for a stream gets it as it comes.
    """
    import httpx2

    from spine.adapters.model_connections import look_quickly

    class LenientClient(httpx2.AsyncClient):
        async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
            response = await self._sent(request, {**options, "stream": True})
            return response if stream else _mended(request, response, await _read(response))

        async def _sent(self, request: httpx2.Request, options: dict[str, Any]) -> httpx2.Response:
            for _ in range(_MOST_CLOSED):
                way = _Way()
                request.extensions = {**request.extensions, "trace": way}
                try:
                    return await super().send(request, **options)
                except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                    if not way.met_a_closed_one:
                        raise
            return await super().send(request, **options)

    client = LenientClient(**options)
    look_quickly(client)
    return client


async def _read(response: httpx2.Response) -> bytes:
    """The body; afterwards the response has it as if it had read it itself."""
    pieces: list[bytes] = []
    left = _MOST_BYTES
    try:
        async with aclosing(response.aiter_bytes()) as unpacked:  # a MiB at a time at most
            async for piece in unpacked:
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise InvalidModelOutputError(f"the answer is larger than {_MOST_BYTES:,} bytes")
    except BaseException:
        await response.aclose()
        raise
    response._content = body = b"".join(pieces)  # pyright: ignore[reportPrivateUsage]  # what `aread` does
    return body


def _mended(request: httpx2.Request, response: httpx2.Response, body: bytes) -> httpx2.Response:
    import httpx2

    if response.status_code != 200 or not request.url.path.endswith("/chat/completions"):
        return response
    mended = mend(body)
    if mended is None:
        return response
    status, completion = mended
    kept = [(name, value) for name, value in response.headers.items() if name.lower() not in _BODY_HEADERS]
    return httpx2.Response(status, headers=kept, json=completion, request=request)
