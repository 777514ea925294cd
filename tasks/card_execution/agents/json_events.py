"""What the JSON events of coding agents say about progress, result and tokens: one pure function per agent.

Each takes an event and returns a `ProgressReading`; an event it does not know says nothing. Shapes: docs/agents.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, cast

from spine.agents_port import ProgressReading
from spine.document_values import storable_value

Event = Mapping[str, Any]
NOTHING = ProgressReading()
STEP_LENGTH = 120
LARGEST_RESULT = 64 * 1024
"""Characters of JSON; a card's result is shown in lists, and the log has the event anyhow."""
_DEEPEST_RESULT = 32


def millrace_event(event: Event) -> ProgressReading:
    """Millrace's own form: `{"type": "progress", "percent", "step"}` and `{"type": "result", …}`."""
    match event.get("type"):
        case "progress":
            return ProgressReading(percent=number(event.get("percent")), step=short(event.get("step")))
        case "result":
            return _with_usage(event, mapping(event.get("usage")))
        case _:
            return NOTHING


def claude_event(event: Event) -> ProgressReading:
    """Claude Code, `--output-format stream-json`: todo lists give the percentage, tool calls the step."""
    match event.get("type"):
        case "system" if event.get("subtype") == "init":
            return ProgressReading(step="started")
        case "assistant":
            blocks = items(mapping(event.get("message")).get("content"))
            calls = [block for block in blocks if block.get("type") == "tool_use"]
            return _claude_call(calls[-1]) if calls else NOTHING
        case "result":
            return _with_usage(event, mapping(event.get("usage")), cost=number(event.get("total_cost_usd")))
        case _:
            return NOTHING


def codex_event(event: Event) -> ProgressReading:
    """Codex, `exec --json`: its to-do list gives the percentage, commands and changes the step."""
    item = mapping(event.get("item"))
    match event.get("type"):
        case "item.started" | "item.updated" | "item.completed" if item:
            return _codex_item(item)
        case "turn.completed":
            return _with_usage(event, mapping(event.get("usage")))
        case "turn.failed":
            return ProgressReading(step="failed", result=kept(event))
        case _:
            return NOTHING


def gemini_event(event: Event) -> ProgressReading:
    """Gemini CLI, `--output-format stream-json`: tool calls give the step; it tells no percentage."""
    match event.get("type"):
        case "init":
            return ProgressReading(step="started")
        case "tool_use":
            return ProgressReading(step=_call(event.get("tool_name"), mapping(event.get("parameters"))))
        case "result":
            return _with_usage(event, mapping(event.get("stats")))
        case _:
            return NOTHING


def opencode_event(event: Event) -> ProgressReading:
    """opencode, `run --format json`: tool calls give the step, its to-do list the percentage."""
    part = mapping(event.get("part"))
    match event.get("type"):
        case "tool_use":
            given = mapping(mapping(part.get("state")).get("input"))
            percent = _share_done(items(given.get("todos")))
            return ProgressReading(percent=percent, step=_call(part.get("tool"), given))
        case "step_finish":
            tokens = mapping(part.get("tokens"))
            return ProgressReading(
                result=kept(event),
                input_tokens=whole(tokens.get("input")),
                output_tokens=whole(tokens.get("output")),
                cost_usd=number(part.get("cost")),
            )
        case "error":
            return ProgressReading(step="failed", result=kept(event))
        case _:
            return NOTHING


READINGS: Mapping[str, Callable[[Event], ProgressReading]] = {
    "": millrace_event,
    "claude": claude_event,
    "codex": codex_event,
    "gemini": gemini_event,
    "opencode": opencode_event,
}
"""By `AgentCommand.events`."""

ADDS_UP = frozenset({"codex", "opencode"})
"""These report the tokens of each turn or step; the others those of the whole run."""


def _claude_call(block: Event) -> ProgressReading:
    given = mapping(block.get("input"))
    todos = items(given.get("todos")) if block.get("name") == "TodoWrite" else []
    current = next((one for one in todos if one.get("status") == "in_progress"), None)
    step = short(current.get("activeForm") or current.get("content")) if current else _call(block.get("name"), given)
    return ProgressReading(percent=_share_done(todos), step=step)


def _codex_item(item: Event) -> ProgressReading:
    match item.get("type"):
        case "todo_list":
            todos = items(item.get("items"))
            current = next((one for one in todos if not one.get("completed")), None)
            return ProgressReading(percent=_share_done(todos), step=short(current.get("text")) if current else "")
        case "command_execution":
            return ProgressReading(step=short(item.get("command")))
        case "file_change":
            paths = [str(one.get("path")) for one in items(item.get("changes"))]
            return ProgressReading(step=short(f"edit {', '.join(paths)}"))
        case "mcp_tool_call" | "web_search":
            return ProgressReading(step=short(item.get("tool") or item.get("query")))
        case _:
            return NOTHING


def _with_usage(event: Event, usage: Event, cost: float | None = None) -> ProgressReading:
    return ProgressReading(
        result=kept(event),
        input_tokens=whole(usage.get("input_tokens")),
        output_tokens=whole(usage.get("output_tokens")),
        cost_usd=cost,
    )


def _share_done(todos: list[Event]) -> float | None:
    if not todos:
        return None
    done = sum(1 for one in todos if one.get("completed") is True or one.get("status") in ("completed", "cancelled"))
    return round(100.0 * done / len(todos), 1)


def _call(tool: object, given: Event) -> str:
    """The tool and what it works on."""
    names = ("file_path", "filePath", "path", "absolute_path", "command", "pattern", "query", "url", "description")
    subject = next((str(given[name]) for name in names if given.get(name)), "")
    return short(f"{tool or ''} {subject}")


def kept(event: Event) -> dict[str, Any]:
    """The event as it can be stored with the card: work that was done must not fail over how its agent tells of it."""
    storable = storable_value(event, _DEEPEST_RESULT)
    if (size := len(json.dumps(storable))) > LARGEST_RESULT:
        return {"type": short(event.get("type")), "left_out": f"{size:,} characters; they are in the log"}
    return storable


def short(text: object) -> str:
    """One line, of a length that a dashboard can show."""
    line = " ".join(str(text or "").encode("utf-8", "replace").decode().split())
    return line if len(line) <= STEP_LENGTH else f"{line[: STEP_LENGTH - 1]}…"


def number(value: object) -> float | None:
    """JSON knows no infinity, and integers without end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None


def whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(value: object) -> Event:
    return cast("Event", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[Event]:
    return [mapping(one) for one in cast("list[object]", value)] if isinstance(value, list) else []
