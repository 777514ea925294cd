"""The key of a language-model provider, kept in Prefect and editable in its UI."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class LanguageModelCredentials(Block):
    """One provider's key. A saved block wins over the environment; several may be saved, steps choose by name."""

    _block_type_name = "Language Model Credentials"
    _block_type_slug = "language-model-credentials"
    _description = "API key of a language-model provider, used by the steps that name it or its provider."

    provider: Literal["openai", "groq", "mistral", "claude", "openai-compatible"] = Field(description="whose key it is")
    api_key: SecretStr = Field(description="the provider's API key")
    base_url: str | None = Field(default=None, description="address of the API when it is not the provider's own")
