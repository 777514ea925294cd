"""Long texts are cut where a reader would pause, and nothing of them is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spine.message_parts import message_parts, utf16_units

PARAGRAPH = "The tide clock stood in the hall. It had two hands; one of them was always late. Nobody wound it."


def test_a_text_that_fits_is_one_part() -> None:
    assert message_parts("  Hello.\n", 100) == ["Hello."]
    assert message_parts(" \n ", 100) == []


def test_paragraphs_stay_whole_where_they_fit() -> None:
    parts = message_parts("\n\n".join([PARAGRAPH] * 5), 2 * len(PARAGRAPH) + 10)
    assert parts == ["\n\n".join([PARAGRAPH] * 2)] * 2 + [PARAGRAPH]


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    parts = message_parts(" ".join([PARAGRAPH] * 3), 130)
    assert len(parts) > 2 and all(part.endswith(".") for part in parts)


def test_a_text_without_pauses_is_cut_between_characters_that_show() -> None:
    for shown in ("👩‍👩‍👧‍👦", "🇷🇴", "👍🏽", "e\u0301", "☎️"):
        parts = message_parts(shown * 90, 61, utf16_units)
        assert len(parts) > 1 and all(part == shown * (len(part) // len(shown)) for part in parts)


@given(st.text(alphabet=st.sampled_from("ab .!?\n。😀e\u0301\u200d"), max_size=400), st.integers(4, 60))
def test_parts_fit_and_only_blanks_are_lost(text: str, most: int) -> None:
    parts = message_parts(text, most, utf16_units)
    assert all(part.strip() and utf16_units(part) <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
