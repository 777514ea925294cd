"""The research sources that can be asked, and the one fetcher that reaches them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from spine.adapters.guarded_http import GuardedHttpFetcher, guarded_client
from spine.adapters.guarded_post import post_for_json
from spine.adapters.research_sources import OpenLibrary, Tavily, Wikipedia
from spine.research_port import PostJson, ResearchSource


def open_research(
    allow: frozenset[str], search_key: Callable[[], SecretStr | None], stack: AsyncExitStack
) -> tuple[list[ResearchSource], Callable[[], list[ResearchSource]]]:
    """The sources that need no key, and a way to get those that have one now; `stack` closes what they use.

    Research has a fetcher of its own: the addresses that the operator gave its services are let through there, and
    only there.
    """
    reachable = allow | configured_hosts(os.environ)
    fetcher = GuardedHttpFetcher(allow=reachable)
    stack.push_async_callback(fetcher.close)
    post_json = _posting(stack, reachable)

    def searches() -> list[ResearchSource]:
        key = search_key()
        return [Tavily(post_json, key.get_secret_value())] if key else []

    return [OpenLibrary(fetcher), Wikipedia(fetcher)], searches


def configured_hosts(environment: Mapping[str, str]) -> frozenset[str]:
    """host:port of the research services whose addresses the operator set."""
    given = (environment.get(name) for name in ("OPENLIBRARY_URL", "WIKIPEDIA_URL", "TAVILY_BASE_URL"))
    parts = [urlsplit(address) for address in given if address]
    return frozenset(f"{one.hostname}:{one.port or (443 if one.scheme == 'https' else 80)}" for one in parts)


def _posting(stack: AsyncExitStack, allow: frozenset[str]) -> PostJson:
    client = guarded_client(allow, timeout=15.0)
    stack.push_async_callback(client.aclose)

    async def post_json(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        return await post_for_json(client, url, body, headers)

    return post_json
