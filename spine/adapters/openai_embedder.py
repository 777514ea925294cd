"""Embeddings of any service that speaks OpenAI's `POST /embeddings`."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from spine.adapters.bounded_body import ACCEPTED_ENCODINGS, read_bounded
from spine.adapters.model_errors import error_from_answer, error_from_exception
from spine.errors import ExternalServiceError, InvalidInputError, NotConfiguredError, RateLimitError
from spine.vectors_port import Embedder, Vector

OPENAI_URL: Final = "https://api.openai.com/v1"
_DIMENSIONS: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_MOST_TEXTS: Final = 128  # in one call
_MOST_TOKENS: Final = 200_000  # in one call; OpenAI takes 300,000 and ours are estimates
_BYTES_PER_TOKEN: Final = 3
_BYTES_PER_NUMBER: Final = 64  # of an answer at most: some indent them
_BYTES_BESIDE: Final = 1 << 20
_TRIES: Final = 4
_LONGEST_WAIT: Final = 60.0


class OpenAiEmbedder:
    """The model `model` at `base_url`. Connections belong to one event loop and end with `close`.

    A dimension must be given for models that are not OpenAI's own. A service that asks for fewer calls is waited for
    as it says, three times at most and never longer than a minute; then, and for every other fault, the error is
    raised: `RateLimitError`, `AuthenticationError`, `ContextLengthError`, `ExternalServiceError`, `InvalidInputError`.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None = None,
        dimension: int | None = None,
        max_tokens: int = 8000,
        timeout: float = 60.0,
    ) -> None:
        self.name = model
        self.dimension = dimension or _known_dimension(model)
        self.max_tokens = max_tokens
        self._key = api_key
        self._url = f"{(base_url or OPENAI_URL).rstrip('/')}/embeddings"
        self._timeout = timeout
        headers = {"Authorization": f"Bearer {api_key}", "Accept-Encoding": ACCEPTED_ENCODINGS}
        self._client = httpx.AsyncClient(timeout=timeout, headers=headers)

    def count_tokens(self, text: str) -> int:
        """An estimate from the bytes; the vocabulary of a model is not to be had without a download."""
        return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        found: list[Vector] = []
        for call in self._calls(texts):
            found += await self._patiently(call)
        return found

    def for_one_corpus(self) -> Embedder:
        return self

    async def close(self) -> None:
        await self._client.aclose()

    def _calls(self, texts: Sequence[str]) -> Iterator[list[str]]:
        call, tokens = list[str](), 0
        for text in texts:
            more = self.count_tokens(text)
            if call and (len(call) == _MOST_TEXTS or tokens + more > _MOST_TOKENS):
                yield call
                call, tokens = [], 0
            # An empty text is refused by most services; a blank is one token and harms nobody.
            call.append(text or " ")
            tokens += more
        if call:
            yield call

    async def _patiently(self, texts: list[str]) -> list[Vector]:
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._ask(texts)
            except RateLimitError as error:
                wait = 2.0 ** (_TRIES - tries_left) if error.retry_after is None else error.retry_after
                if not tries_left or wait > _LONGEST_WAIT:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _ask(self, texts: list[str]) -> list[Vector]:
        body = {"model": self.name, "input": texts, "encoding_format": "float"}
        try:
            status, headers, said = await self._answer(
                body, _BYTES_BESIDE + _BYTES_PER_NUMBER * self.dimension * len(texts)
            )
        except httpx.HTTPError as error:
            raise error_from_exception(
                "embeddings", error, timeout_seconds=self._timeout, secrets=[self._key]
            ) from None  # its text may show the key
        if status >= 400 or not isinstance(said, dict):
            raise error_from_answer("embeddings", status, headers, said, secrets=[self._key])
        return [self._checked(vector) for vector in _vectors(said, len(texts))]

    async def _answer(self, body: dict[str, Any], most: int) -> tuple[int, Mapping[str, str], object]:
        """Status, headers and what was said, of which no more than `most` bytes are read."""
        async with self._client.stream("POST", self._url, json=body) as answer:
            encoding = answer.headers.get("content-encoding", "")
            raw = await read_bounded(answer.aiter_raw(), encoding=encoding, max_bytes=most, service="embeddings")
        return answer.status_code, answer.headers, _json(raw)

    def _checked(self, vector: Vector) -> Vector:
        if len(vector) != self.dimension:
            raise InvalidInputError(
                f"{self.name} gives vectors of {len(vector)} dimensions, not {self.dimension}: configure that dimension"
            )
        length = math.hypot(*vector)
        return [value / length for value in vector] if length else vector


def _known_dimension(model: str) -> int:
    if model not in _DIMENSIONS:
        raise NotConfiguredError(
            f"The dimension of the embedding model {model} is not known here: configure it", what="embedding dimension"
        )
    return _DIMENSIONS[model]


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _vectors(said: dict[str, Any], expected: int) -> list[Vector]:
    """The answer's vectors in the order of the question; services may answer in another."""
    try:
        found = sorted(said["data"], key=lambda one: one["index"])
        vectors = [[float(value) for value in one["embedding"]] for one in found]
        told = [one["index"] for one in found]
    except (KeyError, TypeError, ValueError, OverflowError):
        # No link to the error: it quotes what stands where a number should be.
        raise ExternalServiceError("embeddings: the answer holds no vectors", service="embeddings") from None
    if told != list(range(expected)):
        raise ExternalServiceError(
            f"embeddings: {len(vectors)} vectors came back for {expected} texts, or not one for each",
            service="embeddings",
        )
    if not all(math.isfinite(value) for vector in vectors for value in vector):
        raise ExternalServiceError("embeddings: a vector holds what is no number", service="embeddings")
    return vectors
