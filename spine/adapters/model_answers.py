"""Reading a model's answer liberally: tool arguments, JSON, fenced JSON, JSON inside prose, or plain prose.

Small servers ignore tools and schemas, and large models wrap their JSON in talk. What counts in the end is that
the answer validates. An output type may define `from_text(cls, text: str) -> Self | None` to make itself from an
answer that is evidently prose (an article as plain Markdown, say); None means that it cannot.

Everything here is pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, cast

from pydantic import BaseModel, ValidationError

from spine.ports import T

ANSWER_TOOL = "final_result"
"""The name of the tool whose arguments are the answer."""

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)(?:\r?\n)?[ \t]*```", re.DOTALL)
_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_JSON_START = re.compile(r"\{|\[\s*[\[{\"\]]|```json", re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)  # models put bare line breaks into strings
_MAX_OBJECTS = 50  # a page of braces must not cost a quadratic scan
_ENVELOPES = ("arguments", "parameters", "input")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model wrote it; arguments are JSON text or an object."""

    name: str
    arguments: str | Mapping[str, Any] | None

    @property
    def as_text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments or {})


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A valid answer, or what is wrong with it in words that the model can act on."""

    output: T | None = None
    problem: str = ""
    from_prose: bool = False


def read_answer(text: str, tool_calls: Sequence[ToolCall], output_type: type[T]) -> Reading[T]:
    """The first reading that validates: tool arguments, then JSON anywhere in the text, then prose."""
    spoken = without_thoughts(text)
    problem = ""
    for value, is_whole in _candidates(spoken, tool_calls):
        reading = _validated(value, output_type, is_whole)
        if reading.output is not None:
            return reading
        problem = problem or reading.problem
    if not problem and (prose := _from_prose(spoken, output_type)) is not None:
        return Reading(prose, from_prose=True)
    return Reading(problem=problem or _why_nothing(spoken))


def without_thoughts(text: str) -> str:
    """What was said, without the reasoning that some servers leave in the text."""
    return _THOUGHTS.sub("", text).strip()


def written_call(text: str, names: Collection[str]) -> ToolCall | None:
    """The call of one of the tools `names` that a small server wrote down as text instead of making it."""
    whole = _FENCE.fullmatch(text.strip())
    for value in _as_objects(whole[1] if whole else text):
        name = value.get("name")
        if isinstance(name, str) and name in names:
            return ToolCall(name, next((value[one] for one in _ENVELOPES if one in value), None))
    return None


def _candidates(text: str, tool_calls: Sequence[ToolCall]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Objects that may be the answer, likeliest first; True marks one that is the whole answer."""
    for call in sorted(tool_calls, key=lambda call: call.name != ANSWER_TOOL):
        yield from ((value, call.name == ANSWER_TOOL) for value in _as_objects(call.arguments))
    yield from ((value, True) for value in _as_objects(text))
    for fence in _FENCE.finditer(text):
        yield from ((value, fence.group() == text) for value in _as_objects(fence[1]))
    yield from ((value, False) for value in _embedded(text))


def _as_objects(value: object) -> Iterator[Mapping[str, Any]]:
    """An object, an object as JSON text, or a list that holds just one."""
    if isinstance(value, str):
        value = _decode(value)
    if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
        value = cast("list[Any]", value)[0]
    if isinstance(value, Mapping):
        yield cast("Mapping[str, Any]", value)


def _decode(text: str) -> object:
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None


def _embedded(text: str) -> Iterator[Mapping[str, Any]]:
    """Every outermost object that stands somewhere in the text."""
    place = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if place < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield value
        place = text.find("{", end)


def _validated(value: Mapping[str, Any], output_type: type[T], is_whole: bool) -> Reading[T]:
    """Validate the object itself, else what it is wrapped around."""
    first: Reading[T] = Reading()
    for candidate in (value, *_unwrapped(value)):
        if not _speaks_of(candidate, output_type, is_whole):
            continue
        reading = _validate(candidate, output_type)
        if reading.output is not None:
            return reading
        first = first if first.problem else reading
    return first if first.problem or not is_whole else Reading(problem=_missing(output_type))


def _unwrapped(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`{"name": "final_result", "arguments": {…}}`, `{"result": {…}}`: the inner objects of a wrapper."""
    inner = list(value.values()) if len(value) == 1 else [value[name] for name in _ENVELOPES if name in value]
    for item in inner:
        yield from _as_objects(item)


def _speaks_of(value: Mapping[str, Any], output_type: type[BaseModel], is_whole: bool) -> bool:
    """Whether the object shares a field with the type: a type of optional fields would accept any object at all."""
    if not value:
        return is_whole
    return not _field_names(output_type).isdisjoint(value)


def _field_names(output_type: type[BaseModel]) -> set[str]:
    fields = output_type.model_fields
    aliases = [alias for field in fields.values() for alias in (field.alias, field.validation_alias)]
    return {*fields, *(alias for alias in aliases if isinstance(alias, str))}


def _validate(value: Mapping[str, Any], output_type: type[T]) -> Reading[T]:
    try:
        return Reading(output_type.model_validate_json(json.dumps(value)))
    except ValidationError as error:
        return Reading(problem=_told(error))


def _told(error: ValidationError) -> str:
    """Places and complaints without the offending values, which may be long or private."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['msg']}" for fault in faults[:5])


def _from_prose(text: str, output_type: type[T]) -> T | None:
    hook = getattr(output_type, "from_text", None)
    if hook is None or not _is_prose(text):
        return None
    try:
        made = hook(text)
    except ValueError:
        return None
    return made if isinstance(made, output_type) else None


def _is_prose(text: str) -> bool:
    """Words, and not the beginning of JSON that was cut off."""
    return bool(text) and not _JSON_START.match(text)


def _missing(output_type: type[BaseModel]) -> str:
    return f"the object has none of the fields {', '.join(output_type.model_fields)}"


def _why_nothing(text: str) -> str:
    if not text:
        return "the answer is empty"
    if not _is_prose(text):
        return "the JSON is incomplete or not well-formed"
    return "the answer holds no JSON object"
