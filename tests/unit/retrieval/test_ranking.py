"""How passages are ranked: by meaning and by shared words, in equal parts."""

from __future__ import annotations

import pytest

from tasks.retrieval.ranking import Candidate, WordsAsked, rank, score, weigh, words_share

EVENLY_RARE = {"silver": 1, "moon": 1, "crimson": 1, "tide": 1}


def asked(question: str) -> WordsAsked:
    return weigh(question, EVENLY_RARE, 100)


SHARES = [
    ("the question itself", "silver moon", "silver moon", 1.0),
    ("the question inside a longer passage", "silver moon", "a silver moon rose", 1.0),
    ("case, accents and marks aside", "Sílver, moon!", "SILVER MOON", 1.0),
    ("all words in another order", "silver moon", "moon silver", 0.7),
    ("half of the words", "silver moon", "silver tide", 0.35),
    ("a single word", "silver", "the silver tide", 1.0),
    ("nothing", "silver moon", "crimson tide", 0.0),
    ("an empty passage", "silver moon", "", 0.0),
    ("a question without words", "?!", "silver", 0.0),
]


@pytest.mark.parametrize(
    ("question", "passage", "expected"), [case[1:] for case in SHARES], ids=[case[0] for case in SHARES]
)
def test_the_share_of_words_that_a_passage_holds(question: str, passage: str, expected: float) -> None:
    candidate = Candidate("x", passage, similarity=0.0)
    assert score(asked(question), candidate) == pytest.approx(expected / 2)


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    question = weigh("the raven", {"the": 90, "raven": 2}, 100)
    assert words_share(question, ["raven"]) > 0.6 > 0.1 > words_share(question, ["the"])


def test_a_word_that_no_passage_holds_counts_as_the_rarest() -> None:
    question = weigh("raven xyzzy", {"raven": 2}, 100)
    assert question.rarity["xyzzy"] > question.rarity["raven"] > 0


@pytest.mark.parametrize(("similarity", "expected"), [(1.0, 0.5), (1.2, 0.5), (0.5, 0.25), (0.0, 0.0), (-0.4, 0.0)])
def test_meaning_is_half_of_a_score_between_0_and_1(similarity: float, expected: float) -> None:
    assert score(asked("silver"), Candidate("x", "tide", similarity)) == pytest.approx(expected)


def test_the_best_come_first_and_equals_in_the_order_of_their_ids() -> None:
    candidates = [Candidate("b", "tide", 0.2), Candidate("a", "tide", 0.2), Candidate("z", "silver", 0.2)]
    assert [candidate.id for _, candidate in rank(asked("silver"), candidates)] == ["z", "a", "b"]


def test_a_passage_that_both_searches_like_beats_one_that_only_one_likes() -> None:
    both, meaning, shared = (
        Candidate("both", "silver tide", 0.7),
        Candidate("meaning", "crimson", 0.8),
        Candidate("shared", "silver moon", 0.1),
    )
    assert rank(asked("silver moon"), [meaning, shared, both])[0][1] is shared
    assert rank(asked("silver moon"), [meaning, both])[0][1] is both
