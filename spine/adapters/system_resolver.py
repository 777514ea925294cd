"""Resolves host names as the operating system does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from spine.errors import ExternalServiceError


class SystemResolver:
    """`spine.url_guard.Resolver` on getaddrinfo, in the event loop's thread pool. Keeps nothing between calls."""

    async def resolve(self, host: str) -> Sequence[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ExternalServiceError(f"The host name {host} could not be resolved: {error}.", service=host) from error
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
