"""When two texts count as one."""

from __future__ import annotations

import random

import pytest

from tasks.persona_ingestion.chunk_ids import content_hash
from tasks.persona_ingestion.duplicates import FEWEST_WORDS, NEAR, band_keys, similarity, sketch
from tasks.persona_ingestion.ledger import Ledger, Twin


def words(count: int, seed: int = 0) -> list[str]:
    chosen = random.Random(seed)
    return ["".join(chosen.choices("abcdefghij", k=6)) for _ in range(count)]


def changed(text: list[str], count: int, seed: int) -> str:
    changes = random.Random(seed)
    copy = list(text)
    for place in changes.sample(range(len(text)), count):
        copy[place] = "other"
    return " ".join(copy)


def admit(ledger: Ledger, name: str, text: str) -> Twin | None:
    return ledger.admit(name, content_hash(text), text)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        pytest.param("a b c", "a b c", "exact", id="the same"),
        pytest.param("a b c", "a\nb  c", "exact", id="other line ends"),
        pytest.param("a b c", "A b c", None, id="a short text with other letters"),
        pytest.param(" ".join(words(40)), " ".join(words(40)).upper(), "near", id="a long text with other letters"),
        pytest.param(" ".join(words(40)), ", ".join(words(40)) + "!", "near", id="other punctuation"),
        pytest.param("și îngeri " + " ".join(words(40)), "si ingeri " + " ".join(words(40)), "near", id="no accents"),
        pytest.param(" ".join(words(100)), changed(words(100), 2, 0), "near", id="two words of a hundred changed"),
        pytest.param(" ".join(words(100)), changed(words(100), 20, 0), None, id="twenty words of a hundred changed"),
        pytest.param(" ".join(words(100)), " ".join(words(100, seed=1)), None, id="another text"),
        pytest.param(" ".join(words(100)), " ".join(words(50)), None, id="half of it"),
        pytest.param("", "", "exact", id="nothing"),
    ],
)
def test_a_text_is_a_twin_by_these_rules(one: str, other: str, kind: str | None) -> None:
    with Ledger() as ledger:
        assert admit(ledger, "first", one) is None
        twin = admit(ledger, "second", other)
        assert (twin.kind if twin else None) == kind
        assert twin is None or twin.id == "first"
        assert len(ledger) == (1 if twin else 2)


def test_near_twins_are_found_among_many_texts() -> None:
    with Ledger() as ledger:
        originals = [words(120, seed) for seed in range(1_000)]
        assert not any(admit(ledger, str(seed), " ".join(text)) for seed, text in enumerate(originals))
        twins = [admit(ledger, "copy", changed(text, 3, seed)) for seed, text in enumerate(originals)]
    right = sum(twin is not None and twin.id == str(seed) for seed, twin in enumerate(twins))
    assert right >= 985  # a band is missed now and then
    assert all(twin is None or twin.id == str(seed) for seed, twin in enumerate(twins))


def test_similarity_is_the_share_of_sequences_that_two_texts_have_in_common() -> None:
    text = words(60)
    one, other = sketch(" ".join(text)), sketch(" ".join([*text[:30], "x", *text[31:]]))
    assert one is not None and other is not None
    assert similarity(one, other) == pytest.approx(55 / 61, abs=0.02)
    assert similarity(one, one) == 1.0
    assert NEAR < 55 / 61
    assert len(band_keys(one)) == len(set(band_keys(one)))


def test_a_text_that_is_too_short_has_no_sketch() -> None:
    assert sketch(" ".join(words(FEWEST_WORDS - 1))) is None
    assert sketch(" ".join(words(FEWEST_WORDS))) is not None


def test_the_ledger_knows_which_ids_are_wanted() -> None:
    with Ledger() as ledger:
        for number in range(1_200):
            admit(ledger, f"id-{number}", f"text {number}")
        assert ledger.wanted(f"id-{number}" for number in range(600, 1_800)) == {f"id-{n}" for n in range(600, 1_200)}
        assert ledger.wanted([]) == set()
