"""The key of an internet search provider."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class SearchProvider(Block):
    """Search used by the research stage beside Open Library and Wikipedia."""

    _block_type_name = "Search Provider"
    _block_type_slug = "search-provider"
    _description = "API key of an internet search provider for the research stage."

    provider: Literal["tavily"] = Field(default="tavily", description="which search API")
    api_key: SecretStr = Field(description="its API key")
