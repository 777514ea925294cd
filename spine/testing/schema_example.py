"""The plainest value that fits a JSON Schema."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_SCALARS: dict[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "null": None}


def example_of(schema: Schema, root: Schema | None = None) -> Any:
    """First choices, every property, one item per list, and the word "example" for text.

    `root` holds the definitions that `$ref` points to; bounds and patterns are not looked at.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return example_of(_referred(str(schema["$ref"]), root), root)
    for fixed in ("const", "default"):
        if schema.get(fixed) is not None:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    for choices in ("anyOf", "oneOf", "allOf"):
        if schema.get(choices):
            return example_of(schema[choices][0], root)
    if schema.get("type") == "object":
        return {name: example_of(part, root) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], root)] if "items" in schema else []
    return _SCALARS.get(schema.get("type", ""), "example")


def _referred(reference: str, root: Schema) -> Schema:
    found: Any = root
    for name in reference.split("/")[1:]:
        found = found[name]
    return found
