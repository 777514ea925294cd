"""The in-memory twin of the document store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from threading import RLock
from typing import Any, Final
from uuid import uuid4

from spine.document_changes import apply_change, parse_change
from spine.document_conditions import Condition, Order, checked_window, parse_sort, parse_where
from spine.document_values import (
    MISSING,
    body_of,
    checked_collection,
    checked_paths,
    duplicate,
    order_key,
    plain_document,
    value_at,
)
from spine.errors import InvalidInputError
from spine.ports import Document, Sort, Where

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}


@dataclass(slots=True)
class _Collection:
    """The documents by `_id`, and for each unique index the `_id` that holds a key."""

    name: str
    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    unique: dict[tuple[str, ...], dict[Any, str]] = field(default_factory=dict[tuple[str, ...], dict[Any, str]])

    def put(self, document: Document) -> None:
        """Store `document` in the place of the one with its `_id`; DuplicateError when another one has a key of it."""
        body_of(document)
        for paths, holders in self.unique.items():
            if holders.get(_key(document, paths), document["_id"]) != document["_id"]:
                raise duplicate(self.name, paths)
        self.remove(document["_id"])
        self.documents[document["_id"]] = document
        for paths, holders in self.unique.items():
            _hold(holders, document, paths)

    def remove(self, id: str) -> None:
        document = self.documents.pop(id, None)
        for paths, holders in self.unique.items():
            if document is not None:
                holders.pop(_key(document, paths), None)

    def add_unique(self, paths: tuple[str, ...]) -> None:
        holders: dict[Any, str] = {}
        for document in self.documents.values():
            if _key(document, paths) in holders:
                raise duplicate(self.name, paths)
            _hold(holders, document, paths)
        self.unique[paths] = holders


class MemoryDocuments:
    """`spine.ports.Documents` that live as long as their object, whatever `close` says; for tests and tours.

    What goes in and what comes out are copies. Safe for tasks and threads of one process.
    """

    def __init__(self) -> None:
        self._collections: dict[str, _Collection] = {}
        self._lock = RLock()

    async def get(self, collection: str, id: str) -> Document | None:
        with self._lock:
            return deepcopy(self._collection(collection).documents.get(id))

    async def find(
        self, collection: str, where: Where | None = None, *, sort: Sort | None = None, limit: int = 0, skip: int = 0
    ) -> list[Document]:
        """Documents that match, by `_id` when no sort is given."""
        checked_window(limit, skip)
        with self._lock:
            found = ordered(self._matching(collection, where), parse_sort(sort))
            return deepcopy(found[skip : skip + limit if limit else None])

    async def insert(self, collection: str, document: Document) -> str:
        stored = plain_document({"_id": uuid4().hex, **document})
        with self._lock:
            kept = self._collection(collection)
            if stored["_id"] in kept.documents:
                raise duplicate(collection, ["_id"])
            kept.put(stored)
        return stored["_id"]

    async def upsert(self, collection: str, document: Document) -> None:
        stored = plain_document(document)
        if "_id" not in stored:
            raise InvalidInputError(f"A document that is put into {collection} needs its `_id`")
        with self._lock:
            self._collection(collection).put(stored)

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
        change, orders = parse_change(set, inc, push, unset), parse_sort(sort)
        with self._lock:
            found = ordered(self._matching(collection, where), orders)
            if not found:
                return None
            changed = apply_change(deepcopy(found[0]), change)
            self._collection(collection).put(changed)
            return deepcopy(changed)

    async def delete(self, collection: str, where: Where) -> int:
        with self._lock:
            found = self._matching(collection, where)
            for document in found:
                self._collection(collection).remove(document["_id"])
            return len(found)

    async def count(self, collection: str, where: Where | None = None) -> int:
        with self._lock:
            return len(self._matching(collection, where))

    async def ensure_index(self, collection: str, paths: Sequence[str], *, unique: bool = False) -> None:
        """Only a unique index means something here; DuplicateError when stored documents break it."""
        checked = checked_paths(paths)
        with self._lock:
            kept = self._collection(collection)
            if unique and checked not in kept.unique:
                kept.add_unique(checked)

    async def ensure_tally(self, collection: str, paths: Sequence[str]) -> None:
        """Nothing is kept here: documents are counted when a count is asked for."""
        checked_collection(collection)
        checked_paths(paths)

    async def ping(self) -> None:
        """There is nothing that could fail to answer."""

    async def close(self) -> None:
        """Nothing to release; the documents stay readable."""

    def _collection(self, name: str) -> _Collection:
        if name not in self._collections:
            self._collections[name] = _Collection(checked_collection(name))
        return self._collections[name]

    def _matching(self, collection: str, where: Where | None) -> list[Document]:
        conditions = parse_where(where)
        return [
            document
            for document in self._collection(collection).documents.values()
            if all(holds(condition, document) for condition in conditions)
        ]


def holds(condition: Condition, document: Document) -> bool:
    value, operand = value_at(document, condition.path), condition.operand
    if condition.operator == "$exists":
        return (value is not MISSING) is operand
    key = order_key(value)
    match condition.operator:
        case "$eq":
            return key == order_key(operand)
        case "$ne":
            return key != order_key(operand)
        case "$in":
            return key in [order_key(item) for item in operand]
        case "$nin":
            return key not in [order_key(item) for item in operand]
        case ranged:
            limit = order_key(operand)
            return key[0] == limit[0] and _COMPARISONS[ranged](key, limit)


def ordered(documents: Iterable[Document], orders: Sequence[Order]) -> list[Document]:
    result = list(documents)
    for order in reversed(orders):  # sorting is stable, so the first order is applied last
        result.sort(key=lambda document: order_key(value_at(document, order.path)), reverse=order.direction < 0)
    return result


def _key(document: Document, paths: Sequence[str]) -> Any:
    """What a unique index compares; None for a document that lacks the first path and is in no index."""
    values = [value_at(document, path) for path in paths]
    return None if values[0] is MISSING else tuple(order_key(value) for value in values)


def _hold(holders: dict[Any, str], document: Document, paths: Sequence[str]) -> None:
    key = _key(document, paths)
    if key is not None:
        holders[key] = document["_id"]
