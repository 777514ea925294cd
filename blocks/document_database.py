"""Where documents are kept when not in the stack's own SQLite file."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class DocumentDatabase(Block):
    """A MongoDB that all processes of a stack share.

    A stack reads it when it starts, and keeps to it until it stops: processes that moved to another store one by one
    would not find each other's jobs.
    """

    _block_type_name = "Document Database"
    _block_type_slug = "document-database"
    _description = "MongoDB for jobs, articles and all other documents, used from the next start of the stack on."

    url: SecretStr = Field(description="mongodb://… connection string; the database is named in its path")
