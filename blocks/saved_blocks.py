"""Reading what Prefect has saved: all blocks of several types in one request, over whichever HTTP client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

FILTER = "/block_documents/filter"
"""The call of Prefect's API that `Ask` makes, with the given body; it answers a list of block documents."""

_PAGE = 200

Ask = Callable[[dict[str, Any]], Awaitable[Sequence[Mapping[str, Any]]]]

SavedValues = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The slug of a block type to the values of its saved blocks by name."""


async def read_saved(ask: Ask, slugs: Iterable[str], *, include_secrets: bool = True) -> SavedValues:
    """The values of every saved block of the types; empty for a type that was never registered."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {slug: {} for slug in slugs}
    asked = {
        "block_types": {"slug": {"any_": list(found)}},
        "block_documents": {"is_anonymous": {"eq_": False}},
        "include_secrets": include_secrets,
        "limit": _PAGE,
    }
    read = 0
    while True:
        page = await ask({**asked, "offset": read})
        for block in page:
            found[block["block_type"]["slug"]][block["name"]] = block["data"]
        read += len(page)
        if len(page) < _PAGE:
            return found
