"""Where documents are kept when not in the stack's own SQLite file."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class DocumentDatabase(Block):
    """A MongoDB that all processes of the stack share."""

    _block_type_name = "Document Database"
    _block_type_slug = "document-database"
    _description = "MongoDB connection for jobs, submissions, articles and all other documents."

    url: SecretStr = Field(description="mongodb://… connection string; the database is named in its path")
