"""Typed settings from the environment. Read once per process; nothing here opens a connection.

`MILLRACE_*` name Millrace's own settings; one that is empty counts as not set. Provider keys and addresses use the
SDKs' own names (`OPENAI_API_KEY`, `GROQ_BASE_URL`, …). A saved Prefect block wins over both.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """One stack's settings."""

    model_config = SettingsConfigDict(
        env_prefix="MILLRACE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".millrace", description="all state lives here")
    port: int = Field(default=8800, ge=0, le=65535, description="the gateway's port")
    host: str = Field(default="127.0.0.1", description="the address on which the gateway listens")
    redis_url: SecretStr | None = None
    mongo_url: SecretStr | None = None
    database_url: SecretStr | None = Field(default=None, description="Prefect's database")
    chroma_url: str | None = None
    token: SecretStr | None = Field(default=None, description="admin token of the gateway")
    allow_private_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="host:port pairs that the URL guard lets through"
    )
    browser: str | None = Field(default=None, description="path of a Chromium")
    queue_enabled: bool = Field(default=True, description="false: work runs in place")
    env: Literal["development", "production"] = "development"
    personas: Path | None = Field(default=None, description="sources of personas")
    embedding_model: str | None = Field(default=None, description="OpenAI-compatible; MiniLM on this machine without")
    embedding_dimension: int | None = Field(default=None, ge=1, description="of a model that is not OpenAI's own")
    graphs: Path | None = Field(default=None, description="folder of the user's declared graphs")
    modules: Path | None = Field(default=None, description="folder of the user's graph modules")

    @field_validator("allow_private_hosts", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(item.strip().lower() for item in value.split(",") if item.strip())
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"there is no user whose home {value.parts[0]} is") from error

    @property
    def personas_dir(self) -> Path:
        return self.personas.expanduser().absolute() if self.personas else self.home / "personas"

    @property
    def graphs_dir(self) -> Path:
        return self.graphs.expanduser().absolute() if self.graphs else self.home / "graphs"

    @property
    def modules_dir(self) -> Path:
        return self.modules.expanduser().absolute() if self.modules else self.home / "modules"

    @property
    def documents_path(self) -> Path:
        return self.home / "documents.sqlite3"


FALLBACK_ORDER = ("groq", "openai", "mistral", "claude")
"""Providers in the order in which a run falls back on them; `extractive` comes last."""

_SDK_PREFIX = {"openai": "OPENAI", "groq": "GROQ", "mistral": "MISTRAL", "claude": "ANTHROPIC"}


def provider_key(provider: str) -> str | None:
    """The key of `provider` in the environment (`OPENAI_API_KEY`, …), None when it is not set."""
    prefix = _SDK_PREFIX.get(provider)
    return (os.environ.get(f"{prefix}_API_KEY") or None) if prefix else None


def provider_base_url(provider: str) -> str | None:
    prefix = _SDK_PREFIX.get(provider)
    return (os.environ.get(f"{prefix}_BASE_URL") or None) if prefix else None


@lru_cache(maxsize=1)
def settings() -> Settings:
    return Settings()  # pyright: ignore[reportCallIssue]
