"""What only the MongoDB store has to get right: addresses, failures, and the translation to MongoDB's own language."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import DuplicateKeyError, OperationFailure, ServerSelectionTimeoutError, WriteError

from spine.adapters import mongo_documents
from spine.adapters.mongo_documents import open_mongo_documents, operators_of, order_of, query_of, translated
from spine.document_changes import parse_change
from spine.errors import DatabaseError, DuplicateError, InvalidInputError, MillraceError, NotConfiguredError


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:27017", "127.0.0.1:27017"])
def test_an_address_that_is_not_mongodbs_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInputError, match="mongodb://"):
        open_mongo_documents(url)


async def test_a_broken_address_is_named_without_its_password() -> None:
    documents = open_mongo_documents("mongodb://user:se:cret@127.0.0.1:port/db")
    with pytest.raises(NotConfiguredError, match="MILLRACE_MONGO_URL") as refused:
        await documents.ping()
    assert "cret" not in str(refused.value)


async def test_opening_connects_to_nothing_and_a_server_that_is_away_is_a_database_error(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    options = {**mongo_documents._OPTIONS, "serverSelectionTimeoutMS": 100}  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(mongo_documents, "_OPTIONS", options)
    documents = open_mongo_documents(f"mongodb://127.0.0.1:{free_port}")
    begun = time.monotonic()
    with pytest.raises(DatabaseError, match="Connect call failed"):
        await documents.ping()
    with pytest.raises(DatabaseError, match="things"):
        await documents.insert("things", {"n": 1})
    assert time.monotonic() - begun < 5
    await documents.close()


async def test_a_closed_store_says_so() -> None:
    documents = open_mongo_documents("mongodb://127.0.0.1:1")
    await documents.close()
    with pytest.raises(DatabaseError, match="closed"):
        await documents.get("things", "x")


@pytest.mark.parametrize(
    ("url", "name"), [("mongodb://127.0.0.1:1", "millrace"), ("mongodb://127.0.0.1:1/other?w=1", "other")]
)
async def test_the_path_of_the_address_names_the_database(url: str, name: str) -> None:
    documents = open_mongo_documents(url)
    collection = documents._collection("things")  # pyright: ignore[reportPrivateUsage]
    assert (collection.database.name, collection.name) == (name, "things")
    await documents.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(DuplicateKeyError("E11000", 11000, {"keyPattern": {"key": 1}}), DuplicateError, id="unique key"),
        pytest.param(DuplicateKeyError("E11000", 11000), DuplicateError, id="unique key, not named"),
        pytest.param(WriteError("Cannot apply $inc", 14), InvalidInputError, id="inc of a text"),
        pytest.param(WriteError("must be an array", 2), InvalidInputError, id="push to a number"),
        pytest.param(WriteError("Cannot create field", 28), InvalidInputError, id="set inside a number"),
        pytest.param(OperationFailure("too large", 10334), InvalidInputError, id="too large on the server"),
        pytest.param(InvalidDocument("too large"), InvalidInputError, id="too large here"),
        pytest.param(OperationFailure("not authorized", 13), DatabaseError, id="not allowed"),
        pytest.param(ServerSelectionTimeoutError("refused"), DatabaseError, id="server away"),
    ],
)
def test_a_drivers_error_becomes(error: Any, expected: type[MillraceError]) -> None:
    assert type(translated(error, "things")) is expected


def test_conditions_orders_and_changes_are_handed_to_mongodb_in_its_own_words() -> None:
    assert query_of({"a.b": None, "n": {"$gt": 1, "$ne": 5}, "s": {"$in": ("x",)}}) == {
        "a.b": {"$eq": None},
        "n": {"$gt": 1, "$ne": 5},
        "s": {"$in": ["x"]},
    }
    assert order_of([("created", -1)]) == [("created", -1), ("_id", 1)]
    assert operators_of(parse_change({"a": {"b": 1}}, {"n": 1}, None, ["old"])) == {
        "$set": {"a": {"b": 1}},
        "$inc": {"n": 1},
        "$unset": {"old": ""},
    }
