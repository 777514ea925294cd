"""A `Document Database` block as a person saves it in Prefect is found by the step that settles the store."""

from __future__ import annotations

import pytest
from prefect.settings import PREFECT_API_URL
from pydantic import SecretStr

from blocks.document_database import DocumentDatabase
from deployments.document_store import saved_database

ADDRESS = "mongodb://user:secret-4f1c@elsewhere.example/db"


async def test_a_saved_block_is_found_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    await DocumentDatabase(url=SecretStr(ADDRESS)).save("default", overwrite=True)
    found = await saved_database()
    assert found is not None and (found.name, found.url.get_secret_value()) == ("default", ADDRESS)
    await DocumentDatabase.delete("default")
    assert await saved_database() is None
