"""Where results of graph jobs are sent: its address, and what posts to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class SinkAddress:
    """A receiver of results and the secret that signs what it is sent."""

    url: str
    secret: SecretStr


class PostCallback(Protocol):
    """Posts a body under the URL guard.

    Returns when the receiver has taken it (2xx). Raises `BlockedUrlError`, `RateLimitError`, or
    `ExternalServiceError`, the last one also for a redirect: what was signed for one address is for no other.
    """

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None: ...


async def post_nowhere(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Where nothing is sent out: the services of a test that did not ask for it."""
    raise AssertionError(f"nothing here posts to {url}")


def no_sink(name: str) -> SinkAddress | None:
    """Where no sink is saved."""
    return None
