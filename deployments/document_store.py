"""Settles which store a stack keeps its documents in: a saved block wins over the environment.

Runs once per start, after Prefect and before every part that opens documents. What it settles is kept in the home,
and each part is told of it when it is launched, so that all of them agree for as long as the stack runs, whatever is
saved or away meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deployments.prefect_address import prefect_client
from deployments.prefect_credentials import saved_values
from deployments.stack.environment import settle, settled
from deployments.stack.home import Home
from deployments.stack.step_process import log_on_stderr
from spine.errors import MillraceError, NotConfiguredError
from spine.services import open_documents
from spine.settings import Settings, settings

_SLUG = "document-database"
"""`blocks.document_database.DocumentDatabase`; importing it would bring all of Prefect along."""
_VARIABLE = "MILLRACE_MONGO_URL"

_logger = logging.getLogger("millrace.documents")


class DocumentSettings(BaseSettings):
    """`MILLRACE_DOCUMENT_BLOCK`: the way back into a stack whose saved block names a database that is gone."""

    model_config = SettingsConfigDict(env_prefix="MILLRACE_", env_ignore_empty=True, extra="ignore")

    document_block: Literal["use", "ignore"] = Field("use", description="ignore: start as if no block were saved")


@dataclass(frozen=True, slots=True)
class SavedDatabase:
    """A saved block: its name and its address."""

    name: str
    url: SecretStr


async def settle_documents(config: Settings, *, ignore_block: bool = False) -> SavedDatabase | None:
    """Keep in the home which database all parts are to use; None: the environment's, else the home's own file.

    Raises `ExternalServiceError` when Prefect cannot be asked, and `NotConfiguredError` when the saved database cannot
    be used: a stack that went on with another store would accept jobs that nobody finds again.
    """
    found = None if ignore_block else await saved_database()
    if found is not None:
        await _require_usable(found, config)
    settle(Home(config.home), {_VARIABLE: found.url.get_secret_value()} if found else {})
    return found


def with_settled_store(home: Home, config: Settings) -> Settings:
    """The settings with the document store that the stack in `home` settled on, for commands from another shell."""
    found = settled(home).get(_VARIABLE)
    return config.model_copy(update={"mongo_url": SecretStr(found)}) if found else config


async def saved_database() -> SavedDatabase | None:
    """The block named `default`, else the first by name; None without one, or without a Prefect server to ask."""
    client = prefect_client()
    if client is None:
        return None
    async with client:
        saved = (await saved_values(client, [_SLUG]))[_SLUG]
    if not saved:
        return None
    name = "default" if "default" in saved else min(saved)
    return SavedDatabase(name, SecretStr(saved[name].get("url") or ""))


async def _require_usable(found: SavedDatabase, config: Settings) -> None:
    documents = None
    try:
        documents = open_documents(config.model_copy(update={"mongo_url": found.url}))
        await documents.ping()
    except MillraceError as error:
        said = error.message.replace(_VARIABLE, "Its address").rstrip(".")
        raise NotConfiguredError(
            f"The block Document Database {found.name!r} cannot be used: {said}. Make its database reachable, or start "
            "with MILLRACE_DOCUMENT_BLOCK=ignore and correct the block in the Prefect UI.",
            what="Document Database",
        ) from None
    finally:
        if documents is not None:
            await documents.close()


def run() -> None:
    """What the step `documents` of a stack does, with its log on stderr; exits 1 when the store cannot be settled."""
    log_on_stderr()
    sys.exit(asyncio.run(_settle()))


async def _settle() -> int:
    try:
        ignore = DocumentSettings().document_block == "ignore"  # pyright: ignore[reportCallIssue]
        found = await settle_documents(settings(), ignore_block=ignore)
    except MillraceError as error:
        _logger.error("%s", error)
        return 1
    _logger.info("documents: %s", f"the block Document Database {found.name!r}" if found else "as the environment says")
    return 0
