"""Documents in MongoDB: the store of a production stack."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast
from uuid import uuid4

from bson.codec_options import TypeDecoder, TypeRegistry
from bson.errors import BSONError
from bson.int64 import Int64
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, DuplicateKeyError, OperationFailure, PyMongoError

from spine.document_changes import Change, parse_change
from spine.document_conditions import checked_window, parse_sort, parse_where
from spine.document_values import checked_collection, checked_paths, duplicate, plain_document
from spine.errors import DatabaseError, DuplicateError, InvalidInputError, MillraceError, NotConfiguredError
from spine.ports import Document, Sort, Where

T = TypeVar("T")

DEFAULT_DATABASE: Final = "millrace"
_SCHEMES: Final = ("mongodb://", "mongodb+srv://")
_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "millrace",
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 30_000,  # so that a server that hangs never hangs a job
}
# BadValue, TypeMismatch, PathNotViable, ConflictingUpdateOperators, BSONObjectTooLarge and its kin: the caller's doing.
_INPUT_CODES: Final = frozenset({2, 14, 28, 40, 10334, 17280, 17419, 17420})
_UPSERT_ATTEMPTS: Final = 3
_DRIVERS_NOTES: Final = re.compile(r", full error:|,? \(configured timeouts|, Timeout:")


def open_mongo_documents(url: str) -> MongoDocuments:
    """The store at `url`, in the database that its path names, else in `millrace`. Nothing is connected here.

    Raises InvalidInputError for an address that is not MongoDB's.
    """
    if not url.startswith(_SCHEMES):
        raise InvalidInputError("MILLRACE_MONGO_URL must start with mongodb:// or mongodb+srv://")
    return MongoDocuments(url)


class MongoDocuments:
    """`spine.ports.Documents` in one database of a MongoDB server, 5.0 or newer.

    State lives in the server. The client and its connections live from the first call to `close`, on one event loop.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: AsyncMongoClient[Document] | None = None
        self._closed = False

    async def get(self, collection: str, id: str) -> Document | None:
        return await _answer(collection, self._collection(collection).find_one({"_id": id}))

    async def find(
        self, collection: str, where: Where | None = None, *, sort: Sort | None = None, limit: int = 0, skip: int = 0
    ) -> list[Document]:
        """Documents that match, by `_id` when no sort is given."""
        checked_window(limit, skip)
        cursor = self._collection(collection).find(query_of(where), sort=order_of(sort), limit=limit, skip=skip)
        return await _answer(collection, cursor.to_list())

    async def insert(self, collection: str, document: Document) -> str:
        stored = plain_document({"_id": uuid4().hex, **document})
        await _answer(collection, self._collection(collection).insert_one(stored))
        return stored["_id"]

    async def upsert(self, collection: str, document: Document) -> None:
        stored = plain_document(document)
        if "_id" not in stored:
            raise InvalidInputError(f"A document that is put into {collection} needs its `_id`")
        for attempt in range(1, _UPSERT_ATTEMPTS + 1):
            try:
                await self._replace(collection, stored)
            except DuplicateError as error:
                # Two first writers of one `_id` both insert; the server refuses one, which then finds what to replace.
                if error.details["paths"] != ["_id"] or attempt == _UPSERT_ATTEMPTS:
                    raise
            else:
                return

    async def _replace(self, collection: str, stored: Document) -> None:
        call = self._collection(collection).replace_one({"_id": stored["_id"]}, stored, upsert=True)
        await _answer(collection, call)

    async def update(
        self,
        collection: str,
        where: Where,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int | float] | None = None,
        push: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        sort: Sort | None = None,
    ) -> Document | None:
        """Change the first match (by `_id` when no sort is given) and return it as it is afterwards."""
        change, query, order = parse_change(set, inc, push, unset), query_of(where), order_of(sort)
        stored = self._collection(collection)
        if change.is_empty:
            return await _answer(collection, stored.find_one(query, sort=order))
        call = stored.find_one_and_update(query, operators_of(change), sort=order, return_document=ReturnDocument.AFTER)
        return await _answer(collection, call)

    async def delete(self, collection: str, where: Where) -> int:
        result = await _answer(collection, self._collection(collection).delete_many(query_of(where)))
        return result.deleted_count

    async def count(self, collection: str, where: Where | None = None) -> int:
        return await _answer(collection, self._collection(collection).count_documents(query_of(where)))

    async def ensure_index(self, collection: str, paths: Sequence[str], *, unique: bool = False) -> None:
        """Create the index if it is missing; DuplicateError when stored documents break a unique one."""
        first, *_ = checked = checked_paths(paths)
        keys = [(path, 1) for path in checked]
        options: dict[str, Any] = {"unique": unique}
        if unique:
            options["partialFilterExpression"] = {first: {"$exists": True}}
        await _answer(collection, self._collection(collection).create_index(keys, **options))

    async def ensure_tally(self, collection: str, paths: Sequence[str]) -> None:
        """Nothing: MongoDB counts along the index, and has no triggers that would keep a count."""
        checked_collection(collection)
        checked_paths(paths)

    async def ping(self) -> None:
        await _answer("MongoDB", self._connected().admin.command("ping"))

    async def close(self) -> None:
        self._closed = True
        if self._client is not None:
            await self._client.close()

    def _collection(self, name: str) -> AsyncCollection[Document]:
        return self._connected().get_default_database(DEFAULT_DATABASE)[checked_collection(name)]

    def _connected(self) -> AsyncMongoClient[Document]:
        """The client; it connects by itself with the first call."""
        if self._closed:
            raise DatabaseError("The document store is closed")
        if self._client is None:
            try:
                self._client = AsyncMongoClient(self._url, type_registry=TypeRegistry([_PlainInteger()]), **_OPTIONS)
            except (ConfigurationError, ValueError):
                # The driver's words can quote parts of the address, and with it the password.
                raise NotConfiguredError(
                    "MILLRACE_MONGO_URL is not a valid MongoDB address: percent-encode the user and password in it",
                    what="MILLRACE_MONGO_URL",
                ) from None
        return self._client


class _PlainInteger(TypeDecoder):
    """Large integers come back as `int`, as from every other store, not as the driver's subclass of it."""

    @property
    def bson_type(self) -> type[Int64]:
        return Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


def query_of(where: Where | None) -> dict[str, dict[str, Any]]:
    query: dict[str, dict[str, Any]] = {}
    for condition in parse_where(where):
        query.setdefault(condition.path, {})[condition.operator] = condition.operand
    return query


def order_of(sort: Sort | None) -> list[tuple[str, int]]:
    return [(order.path, order.direction) for order in parse_sort(sort)]


def operators_of(change: Change) -> dict[str, Any]:
    operators = {
        "$set": change.set,
        "$inc": change.inc,
        "$push": change.push,
        "$unset": dict.fromkeys(change.unset, ""),
    }
    return {name: fields for name, fields in operators.items() if fields}


async def _answer(collection: str, call: Awaitable[T]) -> T:
    try:
        return await call
    except (PyMongoError, BSONError) as error:
        raise translated(error, collection) from error


def translated(error: PyMongoError | BSONError, collection: str) -> MillraceError:
    """A driver's error as Millrace's: what a unique index refused, what the caller got wrong, what failed."""
    if isinstance(error, DuplicateKeyError):
        pattern = cast(Mapping[str, Any], error.details or {}).get("keyPattern") or ["key"]
        return duplicate(collection, pattern)
    if isinstance(error, BSONError) or (isinstance(error, OperationFailure) and error.code in _INPUT_CODES):
        return InvalidInputError(f"{collection}: {_first_line(error)}")
    return DatabaseError(f"{collection}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return _DRIVERS_NOTES.split(str(error), maxsplit=1)[0][:300]
