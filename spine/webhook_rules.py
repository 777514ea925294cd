"""What an event of a webhook source starts: choosing the rule, and filling its parameters from the payload.

A template is text with `{{ path }}` in it, a path being names and list places joined by dots (`data.items.0.url`).
Nothing is evaluated. `{{ path? }}` may be missing: alone in its text it leaves the parameter out, inside a longer
text it is empty, as is null. Without the question mark null stands for itself, and has no place inside a longer text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from spine.contracts.accounts import WebhookRule
from spine.field_errors import FieldError, refuse
from spine.inbound.reading import short_text_at
from spine.visible_text import shows_something

_TEMPLATE: Final = re.compile(r"\{\{\s*(?P<path>[\w$@:-]+(?:\.[\w$@:-]+)*)\s*(?P<optional>\??)\s*\}\}")
_USUAL_PATHS: Final = ("type", "event", "event_type", "topic")
_LONGEST_TEXT: Final = 100_000


class _Nothing:
    """Stands for a parameter that is left out."""


NOTHING: Final = _Nothing()


def event_of(payload: Mapping[str, Any], path: str = "") -> str:
    """The event's type at the path; without a path, the first of `type`, `event`, `event_type` and `topic`."""
    paths = [path] if path else _USUAL_PATHS
    return next((event for one in paths if (event := short_text_at(payload, *one.split(".")))), "")


def rule_for(rules: Sequence[WebhookRule], event: str) -> WebhookRule | None:
    """The first rule whose pattern fits the event's type; upper and lower case count."""
    return next((rule for rule in rules if fnmatchcase(event, rule.event)), None)


def rendered(params: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with every template filled in. A template that is a text's only content keeps its value's type.

    Raises `InvalidInputError` that names each parameter whose value the payload lacks, or cannot be put into a text:
    an object, a list, null, and in an id an empty text. So does an id of which the payload gives no part at all.
    """
    problems: list[FieldError] = []
    made = _filled(dict(params), payload, "", problems)
    refuse(problems)
    return made


def _filled(value: Any, payload: Mapping[str, Any], place: str, problems: list[FieldError]) -> Any:
    if isinstance(value, str):
        return _text(value, payload, place, problems)
    if isinstance(value, Mapping):
        pairs = ((name, _filled(one, payload, _inside(place, name), problems)) for name, one in value.items())
        return {name: one for name, one in pairs if one is not NOTHING}
    if isinstance(value, list):
        items = (_filled(one, payload, _inside(place, str(at)), problems) for at, one in enumerate(value))
        return [one for one in items if one is not NOTHING]
    return value


def _text(text: str, payload: Mapping[str, Any], place: str, problems: list[FieldError]) -> Any:
    alone = _TEMPLATE.fullmatch(text.strip())
    if alone is not None:
        value = _value(alone, payload, place, problems)
        if isinstance(value, str) and value:
            _require_shown(alone, value, place, problems)
        return value
    written: list[str] = []

    def put_in(found: re.Match[str]) -> str:
        value = _value(found, payload, place, problems)
        if isinstance(value, dict | list):
            problems.append(FieldError(place, f"{found['path']} is no single value that could stand in a text"))
        if value is None and not found["optional"]:
            # Nothing in its place would make one name of many: every order without an id the same conversation.
            problems.append(FieldError(place, f"{found['path']} is null in the payload"))
        if isinstance(value, str):
            _require_shown(found, value, place, problems)
        written.append("" if value is NOTHING or value is None else _written(value))
        return written[-1]

    known = len(problems)
    filled = _TEMPLATE.sub(put_in, text)[:_LONGEST_TEXT]
    if _is_id(place) and written and len(problems) == known and not any(map(shows_something, written)):
        problems.append(FieldError(place, "has nothing of the payload in it and would be the same for many events"))
    return filled


def _require_shown(found: re.Match[str], value: str, place: str, problems: list[FieldError]) -> None:
    if _is_id(place) and not found["optional"] and not shows_something(value):
        problems.append(FieldError(place, f"{found['path']} is empty in the payload"))


def _is_id(place: str) -> bool:
    return place.endswith("_id")


def _value(found: re.Match[str], payload: Mapping[str, Any], place: str, problems: list[FieldError]) -> Any:
    value = _at(payload, found["path"])
    if value is NOTHING and not found["optional"]:
        problems.append(FieldError(place, f"the payload has no {found['path']}"))
    return value


def _at(payload: Any, path: str) -> Any:
    value = payload
    for name in path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name)]
        else:
            return NOTHING
    return value


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else f"params.{name}"


def check_rules(rules: Sequence[WebhookRule]) -> None:
    """`InvalidInputError` for braces that are no template, which would otherwise go into a job as they stand."""
    problems = [
        FieldError(f"mappings.{at}.{place}", "has braces that are no template such as {{ data.url }}")
        for at, rule in enumerate(rules)
        for place, text in _texts(rule.params, "params")
        if "{{" in _TEMPLATE.sub("", text)
    ]
    refuse(problems)


def _texts(value: Any, place: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(place, value)]
    inside: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inside = [(f"{place}.{name}", one) for name, one in value.items()]
    elif isinstance(value, list):
        inside = [(f"{place}.{at}", one) for at, one in enumerate(value)]
    return [found for name, one in inside for found in _texts(one, name)]
