"""Progress is what the agent says; time only ever gives an estimate, and is called one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from spine.agent_progress import ProgressTracker, guessed_percent
from spine.agents_port import AgentCommand, AgentProgress, AgentTask, ProgressReading
from spine.document_values import plain_document
from spine.errors import InvalidInputError
from tasks.card_execution.agents.reading import JsonLinesReader, MarkerReader, reader_for
from tests.unit.card_execution.agent_scripts import Watched

json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(some.characters()),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(some.characters()), inner, max_size=4),
    max_leaves=20,
)
"""Infinities, half surrogate pairs and odd keys among them: Python's reader lets all of them through."""

CLAUDE = [
    {"type": "system", "subtype": "init", "session_id": "s", "model": "claude", "tools": ["Edit"]},
    {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": "I will plan."}]}},
    {
        "type": "assistant",
        "message": {
            "content": [
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "TodoWrite",
                    "input": {
                        "todos": [
                            {"content": "Read", "status": "completed", "activeForm": "Reading"},
                            {"content": "Write", "status": "in_progress", "activeForm": "Writing the parser"},
                            {"content": "Test", "status": "pending", "activeForm": "Testing"},
                            {"content": "Tell", "status": "pending", "activeForm": "Telling"},
                        ]
                    },
                }
            ]
        },
    },
    {
        "type": "assistant",
        "message": {"content": [{"type": "tool_use", "id": "t2", "name": "Edit", "input": {"file_path": "src/a.py"}}]},
    },
    {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t2", "content": "ok"}]}},
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 61000,
        "num_turns": 9,
        "result": "Done.",
        "session_id": "s",
        "total_cost_usd": 0.25,
        "usage": {"input_tokens": 1200, "output_tokens": 800},
    },
]
CODEX = [
    {"type": "thread.started", "thread_id": "t"},
    {"type": "turn.started"},
    {
        "type": "item.started",
        "item": {
            "id": "item_0",
            "type": "todo_list",
            "items": [{"text": "Look", "completed": True}, {"text": "Change it", "completed": False}],
        },
    },
    {
        "type": "item.started",
        "item": {"id": "item_1", "type": "command_execution", "command": "bash -lc ls", "status": "in_progress"},
    },
    {
        "type": "item.completed",
        "item": {"id": "item_2", "type": "file_change", "changes": [{"path": "a.py", "kind": "update"}]},
    },
    {"type": "item.completed", "item": {"id": "item_3", "type": "agent_message", "text": "Done."}},
    {"type": "turn.completed", "usage": {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 40}},
    {"type": "turn.completed", "usage": {"input_tokens": 20, "cached_input_tokens": 0, "output_tokens": 5}},
]
GEMINI = [
    {"type": "init", "timestamp": "2026-01-01T00:00:00Z", "session_id": "s", "model": "gemini"},
    {"type": "message", "role": "assistant", "content": "I look.", "delta": True},
    {"type": "tool_use", "tool_name": "replace", "tool_id": "1", "parameters": {"file_path": "a.py"}},
    {"type": "tool_result", "tool_id": "1", "status": "success"},
    {"type": "result", "status": "success", "stats": {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}},
]
OPENCODE = [
    {"type": "step_start", "sessionID": "s", "part": {"type": "step-start"}},
    {
        "type": "tool_use",
        "sessionID": "s",
        "part": {"type": "tool", "tool": "edit", "state": {"status": "completed", "input": {"filePath": "a.py"}}},
    },
    {
        "type": "tool_use",
        "part": {"tool": "todowrite", "state": {"input": {"todos": [{"status": "completed"}, {"status": "pending"}]}}},
    },
    {"type": "text", "part": {"type": "text", "text": "Done."}},
    {"type": "step_finish", "part": {"reason": "tool-calls", "cost": 0.01, "tokens": {"input": 200, "output": 20}}},
    {"type": "step_finish", "part": {"reason": "stop", "cost": 0.02, "tokens": {"input": 10, "output": 2}}},
]
MILLRACE = [
    {"type": "progress", "percent": 25, "step": "reading"},
    {"type": "progress", "percent": 75.5, "step": "writing"},
    {"type": "result", "status": "done", "usage": {"input_tokens": 1, "output_tokens": 2}},
]


def followed(events: str, lines: Sequence[object]) -> tuple[list[tuple[float | None, str]], ProgressReading]:
    """What is read from the events, and all that was seen in the end."""
    command = AgentCommand("a", ("a",), progress="json-lines", events=events)
    reader = reader_for(command)
    assert reader is not None
    readings = [reader.read("stdout", json.dumps(line)) for line in lines]
    tracker = ProgressTracker(reader_for(command), None)
    for line in lines:
        tracker.line("stdout", json.dumps(line), 1.0)
    return [(one.percent, one.step) for one in readings if one and (one.percent is not None or one.step)], tracker.seen


@pytest.mark.parametrize(
    ("events", "lines", "told", "tokens", "cost"),
    [
        pytest.param(
            "claude",
            CLAUDE,
            [(None, "started"), (25.0, "Writing the parser"), (None, "Edit src/a.py")],
            (1200, 800),
            0.25,
            id="Claude Code",
        ),
        pytest.param(
            "codex",
            CODEX,
            [(50.0, "Change it"), (None, "bash -lc ls"), (None, "edit a.py")],
            (120, 45),
            None,
            id="Codex",
        ),
        pytest.param("gemini", GEMINI, [(None, "started"), (None, "replace a.py")], (20, 10), None, id="Gemini CLI"),
        pytest.param("opencode", OPENCODE, [(None, "edit a.py"), (50.0, "todowrite")], (210, 22), 0.03, id="opencode"),
        pytest.param("", MILLRACE, [(25.0, "reading"), (75.5, "writing")], (1, 2), None, id="Millrace's own"),
    ],
)
def test_the_events_of_an_agent_give_its_progress_result_and_tokens(
    events: str,
    lines: list[dict[str, object]],
    told: list[tuple[float | None, str]],
    tokens: tuple[int, int],
    cost: float | None,
) -> None:
    steps, seen = followed(events, lines)
    assert steps == told
    assert (seen.input_tokens, seen.output_tokens) == tokens
    assert seen.cost_usd == (pytest.approx(cost) if cost is not None else None)
    assert seen.result is not None
    assert seen.result["type"] == lines[-1]["type"]


@pytest.mark.parametrize("events", ["", "claude", "codex", "gemini", "opencode"])
@pytest.mark.parametrize(
    "line",
    [
        "",
        "no event",
        "{",
        "[1]",
        "{}",
        '{"type": null}',
        '{"type": "assistant", "message": "text"}',
        '{"type": "assistant", "message": {"content": [null, {"type": "tool_use", "input": []}]}}',
        '{"type": "item.started", "item": {"type": "todo_list", "items": "none"}}',
        '{"type": "tool_use", "part": {"state": 5}}',
        '{"type": "result", "usage": [], "stats": null}',
        '{"type": "progress", "percent": "half", "step": {"a": 1}}',
        '{"type": "progress", "percent": ' + "9" * 400 + "}",
        '{"type": "progress", "percent": NaN, "step": "\\ud800"}',
        '{"type": "result", "x": ' + "[" * 900 + "]" * 900 + "}",
        '{"a":' * 100_000,
    ],
    ids=range(16),
)
def test_no_line_disturbs_a_reader(events: str, line: str) -> None:
    reader = reader_for(AgentCommand("a", ("a",), progress="json-lines", events=events))
    assert isinstance(reader, JsonLinesReader)
    reader.read("stdout", line)
    assert reader.read("stderr", line) is None


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        pytest.param('{"modelUsage": {"us.claude-1.0": 5}}', {"modelUsage": {"us_claude-1_0": 5}}, id="a dot in a key"),
        pytest.param('{"$cost": NaN, "left": 1e999}', {"_cost": "nan", "left": "inf"}, id="no JSON number"),
        pytest.param('{"tokens": 99999999999999999999}', {"tokens": "99999999999999999999"}, id="more than 64 bits"),
        pytest.param('{"said": "a\\ud800"}', {"said": "a?"}, id="half a surrogate pair"),
        pytest.param(
            '{"x": "' + "y" * 70_000 + '"}', {"left_out": "70,027 characters; they are in the log"}, id="size"
        ),
    ],
)
def test_a_result_that_no_store_takes_as_it_is_is_kept_as_near_as_can_be(result: str, kept: dict[str, object]) -> None:
    reader = reader_for(AgentCommand("a", ("a",), progress="json-lines"))
    assert reader is not None
    reading = reader.read("stdout", '{"type": "result", ' + result[1:])

    assert reading is not None and reading.result == {"type": "result", **kept}


@given(json_values)
def test_whatever_an_agent_says_in_the_end_can_be_stored_with_its_card(value: object) -> None:
    reader = reader_for(AgentCommand("a", ("a",), progress="json-lines"))
    assert reader is not None
    reading = reader.read("stdout", json.dumps({"type": "result", "step": value, "value": [value]}))

    assert reading is not None and plain_document({"result": reading.result})


@pytest.mark.parametrize(
    ("line", "percent", "step"),
    [
        pytest.param("[ 40%] Building x", 40.0, "Building x", id="both"),
        pytest.param("[ 40,5%] Building", 40.5, "Building", id="a comma"),
        pytest.param("[900%] Building", 100.0, "Building", id="too much"),
        pytest.param("== Testing", None, "Testing", id="a step alone"),
    ],
)
def test_declared_markers_are_found_in_the_output(line: str, percent: float | None, step: str) -> None:
    reader = MarkerReader((r"^\[\s*(?P<percent>[\d.,]+)%\] (?P<step>.*)", r"^== (?P<step>.*)"))
    assert reader.read("stderr", line) == ProgressReading(percent, step)
    assert reader.read("stdout", "nothing") is None


class TestTracking:
    def test_progress_never_falls_and_is_not_complete_before_the_end(self) -> None:
        tracker = ProgressTracker(reader_for(AgentCommand("a", ("a",), progress="json-lines")), None)
        told = [
            tracker.line("stdout", json.dumps({"type": "progress", "percent": percent, "step": step}), 1.0)
            for percent, step in [(40, "a"), (20, "b"), (20, "b"), (100, "c")]
        ]
        assert told == [
            AgentProgress(40, "a", "events"),
            AgentProgress(40, "b", "events"),
            None,
            AgentProgress(99, "c", "events"),
        ]
        assert tracker.elapsed(500) is None

    def test_a_step_without_a_percentage_comes_with_an_estimate_that_is_called_one(self) -> None:
        tracker = ProgressTracker(reader_for(AgentCommand("a", ("a",), progress="json-lines", events="gemini")), 100)
        event = {"type": "tool_use", "tool_name": "edit", "parameters": {"file_path": "a"}}
        assert tracker.line("stdout", json.dumps(event), 50) == AgentProgress(45.0, "edit a", "estimate")
        assert tracker.elapsed(10) == AgentProgress(45.0, "edit a", "estimate")

    @pytest.mark.parametrize(
        ("elapsed", "percent"), [(0, 0), (50, 45), (100, 60), (200, 72), (10_000, 89.6)], ids=lambda value: str(value)
    )
    def test_an_estimate_slows_down_and_never_says_that_it_is_done(self, elapsed: float, percent: float) -> None:
        assert guessed_percent(elapsed, 100) == pytest.approx(percent, abs=0.1)

    async def test_an_agent_that_says_nothing_is_estimated_from_the_time_such_cards_take(
        self, watched: Watched, scripted: Callable[..., AgentTask]
    ) -> None:
        await watched.run(scripted("import time; time.sleep(1.5)", task={"expected_seconds": 2.0}))
        assert watched.progress
        assert {one.source for one in watched.progress} == {"estimate"}


def test_unknown_events_are_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="'martian'; known are claude"):
        reader_for(AgentCommand("a", ("a",), progress="json-lines", events="martian"))
