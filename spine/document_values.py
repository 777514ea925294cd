"""What a stored document may hold and how stored values compare, the same in every store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from spine.errors import DuplicateError, InvalidInputError
from spine.ports import Document

MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024  # MongoDB's limit, kept by every store
MAX_DEPTH: Final = 90  # MongoDB refuses 100 levels; a path may add a few
_INT64: Final = range(-(2**63), 2**63)
_COLLECTION: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PATH: Final = re.compile(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*")

MISSING: Final = object()
"""What `value_at` gives where a document has nothing."""


def checked_collection(name: str) -> str:
    if not _COLLECTION.fullmatch(name):
        raise InvalidInputError(f"{name!r} is not a collection: use a small letter, then small letters, digits and _")
    return name


def checked_path(path: str) -> str:
    """`path` itself when it is dotted names of letters, digits, `_`, `:` and `-`; InvalidInputError otherwise."""
    if not _PATH.fullmatch(path):
        raise InvalidInputError(f"{path!r} is not a path: use names of letters, digits, _ : and -, joined by dots")
    return path


def checked_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths of an index or a tally, at least one and each once."""
    checked = tuple(checked_path(path) for path in paths)
    if not checked or len(set(checked)) < len(checked):
        raise InvalidInputError(f"An index needs at least one path, and each path once: {', '.join(checked) or 'none'}")
    return checked


def plain_document(document: Mapping[str, Any]) -> Document:
    """A deep copy that holds JSON values only, with its `_id` (text) first when it has one.

    Raises InvalidInputError naming the offending field: a value that is not JSON, a key with a dot or a leading `$`,
    an integer beyond 64 bits, more than 90 levels.
    """
    copy: Document = plain_value(document, "")
    if "_id" not in copy:
        return copy
    key = copy.pop("_id")
    if not isinstance(key, str) or not key:
        raise InvalidInputError(f"`_id` must be text that is not empty; it is {key!r}")
    return {"_id": key, **copy}


def plain_value(value: object, path: str, depth: int = 0) -> Any:
    """A deep copy of `value` as JSON values; enum members become what they stand for. `path` is for the message."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int | float):
        return checked_number(value, path)
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"`{path}` is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {
            _key(key, path): plain_value(item, f"{path}.{key}" if path else str(key), depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain_value(item, path, depth + 1) for item in value]
    raise InvalidInputError(
        f"`{path}` is a {type(value).__name__}; documents hold JSON values only (write moments as text)"
    )


def checked_number(value: int | float, path: str) -> int | float:
    """`value` as a plain int or float that every store can keep exactly."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInputError(f"`{path}` is {value}; only finite numbers are stored")
        return float(value)
    if value not in _INT64:
        raise InvalidInputError(f"`{path}` does not fit in 64 bits: store it as text")
    return int(value)


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"`{path}` holds half a surrogate pair: decode with errors='replace'") from None
    return str.__str__(value)  # the text behind a StrEnum member, too


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"the key {key!r} in `{path}` is not text")
    if "." in key or "\0" in key or key.startswith("$"):
        raise InvalidInputError(f"the key {key!r} in `{path}` has a dot or NUL or starts with $: store it as a value")
    return _text(key, path)


def storable_value(value: Any, levels: int) -> Any:
    """JSON from a stranger as near as a document can hold it: what `plain_value` refuses becomes text or is renamed,
    and what lies deeper than `levels` becomes `…`."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if _fits(value) else str(value)
    if isinstance(value, Mapping | list) and levels <= 0:
        return "…"
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {_storable_key(key): storable_value(item, levels - 1) for key, item in fields.items()}
    if isinstance(value, list):
        return [storable_value(item, levels - 1) for item in cast("list[Any]", value)]
    return value


def _fits(value: int | float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else value in _INT64


def _storable_key(key: str) -> str:
    return re.sub(r"^\$|[.\0]", "_", key.encode("utf-8", "replace").decode())


def body_of(document: Document) -> str:
    """The document as JSON text; InvalidInputError when it is larger than 16 MiB."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # A character takes at most four bytes, so most documents need not be encoded to know that they fit.
    if len(body) * 4 > MAX_DOCUMENT_BYTES and len(body.encode()) > MAX_DOCUMENT_BYTES:
        raise InvalidInputError("The document is larger than 16 MiB: store its large parts on their own")
    return body


def value_at(document: Document, path: str) -> Any:
    """What `document` has at `path`, or MISSING. Paths do not look into lists."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def order_key(value: Any) -> tuple[Any, ...]:
    """A hashable key that is equal for equal values and sorts them as MongoDB does.

    Nothing (null or MISSING) comes first, then numbers, texts, objects, lists, booleans. `1` equals `1.0` and not
    `True`; objects are equal when they have equal fields in the same order.
    """
    if value is None or value is MISSING:
        return (0,)
    if isinstance(value, bool):
        return (5, value)
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, dict):
        return (3, tuple((name, order_key(item)) for name, item in value.items()))
    if isinstance(value, list):
        return (4, tuple(order_key(item) for item in value))
    return (1, value)


def duplicate(collection: str, paths: Iterable[str]) -> DuplicateError:
    """The error of a document that a unique index refused; `.collection` and `.paths` say which."""
    named = list(paths)
    return DuplicateError(
        f"{collection} has a document with the same {' and '.join(named)} already", collection=collection, paths=named
    )
