"""Which words of a question are looked up."""

from __future__ import annotations

import pytest

from spine.keyword_terms import telling_words

RULES = [
    ("the rarest first", {"the": 60, "raven": 2, "quoth": 1}, 100, ["quoth", "raven", "the"]),
    ("equally rare ones by the alphabet", {"moon": 1, "bell": 1}, 100, ["bell", "moon"]),
    ("none that nobody holds", {"xyzzy": 0, "raven": 2}, 100, ["raven"]),
    ("three, however common", {"to": 90, "be": 80, "or": 70, "not": 60}, 100, ["not", "or", "be"]),
    ("common ones not, beside three rare ones", {"the": 900, "a": 2, "b": 3, "c": 4}, 1000, ["a", "b", "c"]),
    ("a tenth of the entries is not common yet", {"a": 1, "b": 2, "c": 3, "d": 100, "e": 101}, 1000, list("abcd")),
    ("more than three where they are rare", {"a": 1, "b": 2, "c": 3, "d": 10}, 100, ["a", "b", "c", "d"]),
    ("no more than some thousand entries bring", {"a": 500, "b": 6000, "c": 6000, "d": 9000}, 100_000, ["a", "b"]),
    ("the rarest, however many entries hold it", {"and": 20_000, "the": 30_000}, 100_000, ["and"]),
    ("nothing of nothing", {}, 0, []),
]


@pytest.mark.parametrize(("held_by", "entries", "telling"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_the_words_that_tell_are_looked_up(held_by: dict[str, int], entries: int, telling: list[str]) -> None:
    assert telling_words(held_by, entries) == telling


def test_what_a_search_reads_does_not_grow_with_the_collection() -> None:
    shares = {f"word{n}": n / 1000 for n in range(1, 90)}

    def read(entries: int) -> int:
        held_by = {word: round(share * entries) for word, share in shares.items()}
        return sum(held_by[word] for word in telling_words(held_by, entries))

    assert read(1_000_000) <= read(100_000) * 1.1
