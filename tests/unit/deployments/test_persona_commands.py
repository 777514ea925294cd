"""What the commands for personas print."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.cli import persona_commands


class _Gateway:
    """Answers every search with one passage, as a context and a client at once."""

    def __init__(self, hit: dict[str, Any]) -> None:
        self._hit = hit

    def __enter__(self) -> _Gateway:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get(self, *_: object, **__: object) -> _Gateway:
        return self

    def json(self) -> dict[str, Any]:
        return {"items": [self._hit]}


def test_what_a_file_is_named_and_holds_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hit = {
        "score": 0.5,
        "collection": "works",
        "start": 0,
        "end": 9,
        "work": "a\x1b]0;owned\x07b",
        "section": "One\x1b[2J",
        "text": "first\x1b[31m\nsecond\x9b2J",
    }
    monkeypatch.setattr("deployments.gateway_client.gateway", lambda: _Gateway(hit))
    persona_commands.ask("poe", "what?")
    assert capsys.readouterr().out == "1. 0.50  works: ab › One, characters 0–9\n   first\n   second\n\n"


class _StoredGateway(_Gateway):
    """Has passages, none of which any search finds."""

    def __init__(self, passages: int) -> None:
        self._answer: dict[str, Any] = {"persona_id": "poe", "total_vectors": passages, "items": []}

    def json(self) -> dict[str, Any]:
        return self._answer


@pytest.mark.parametrize(
    ("passages", "asked", "said"),
    [
        (0, {}, "Nothing is stored for poe"),
        (0, {"work": "raven"}, "Nothing is stored for poe"),
        (1200, {"work": "ravne"}, "None of the 1,200 passages of poe fits --work ravne;"),
        (
            1200,
            {"collection": [persona_commands.Collection.QUOTES], "language": "ro\x1b[2J"},
            "None of the 1,200 passages of poe fits --collection quotes --language ro;",
        ),
    ],
)
def test_an_answer_of_nothing_says_whether_nothing_is_stored_or_nothing_fits(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    passages: int,
    asked: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.setattr("deployments.gateway_client.gateway", lambda: _StoredGateway(passages))
    persona_commands.ask("poe", "what?", **asked)
    assert capsys.readouterr().out.startswith(said)
