"""What a stored collection has to change."""

from __future__ import annotations

import pytest

from spine.contracts.personas import Chunk
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.plan import plan_batch, surplus


def chunk(name: str, start: int = 0) -> Chunk:
    return Chunk(
        id=name,
        persona_id="poet",
        collection="works",
        file="works/a.txt",
        work="a",
        title="A",
        section="",
        text=name,
        start=start,
        end=start + 1,
        tokens=1,
        language="en",
        content_hash=name,
        trust="authored",
    )


def stored(*chunks: Chunk) -> dict[str, str | None]:
    return {item.id: str(item.metadata()["fingerprint"]) for item in chunks}


@pytest.mark.parametrize(
    ("wanted", "held", "add", "refresh", "keep"),
    [
        pytest.param([], {}, "", "", "", id="nothing"),
        pytest.param([chunk("a"), chunk("b")], {}, "ab", "", "", id="all new"),
        pytest.param([chunk("a"), chunk("b")], stored(chunk("a"), chunk("b")), "", "", "ab", id="a second run"),
        pytest.param([chunk("a", 5), chunk("b")], stored(chunk("a"), chunk("b")), "", "a", "b", id="one has moved"),
        pytest.param([chunk("a"), chunk("c")], stored(chunk("a"), chunk("b")), "c", "", "a", id="one was edited"),
        pytest.param([chunk("a")], {"a": None}, "", "a", "", id="stored without a fingerprint"),
    ],
)
def test_a_batch_changes_only_what_differs(
    wanted: list[Chunk], held: dict[str, str | None], add: str, refresh: str, keep: str
) -> None:
    changes = plan_batch(wanted, held)
    assert "".join(item.id for item in changes.add) == add
    assert "".join(item.id for item in changes.refresh) == refresh
    assert "".join(changes.keep) == keep


def test_what_no_source_gives_any_more_is_surplus() -> None:
    with Ledger() as ledger:
        ledger.admit("a", "1", "one")
        ledger.admit("b", "2", "two")
        assert surplus(["c", "a", "d"], ledger.wanted) == ["c", "d"]


def test_metadata_is_flat_and_its_fingerprint_follows_every_field() -> None:
    facts = chunk("a").metadata()
    assert all(isinstance(value, str | int) for value in facts.values())
    assert "text" not in facts and "id" not in facts and "author" not in facts
    assert facts["fingerprint"] != chunk("a", 1).metadata()["fingerprint"]
