"""Tokens counted by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from spine.adapters.minilm_embedder import MiniLmEmbedder
from tasks.persona_ingestion.token_meter import TokenMeter

TEXTS = [
    "Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume--",
    "Și dacă ramuri bat în geam\nȘi se cutremur plopii, E ca-n minte să te am și-ncet să te apropii...",
    "“Never—nevermore.” 3.50 (e.g. O'Brien's), №5; naïve café! a1b2 ☃ 漢字 www.example.org/x_y?z=1",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_sum_over_words_is_what_the_default_model_counts(tmp_path: Path, text: str) -> None:
    embedder = MiniLmEmbedder(tmp_path)
    meter = TokenMeter(embedder.count_tokens)
    assert meter.frame + meter(text) == embedder.count_tokens(text)


def test_a_word_is_counted_once_and_the_frame_is_not_counted_with_it() -> None:
    asked: list[str] = []

    def count_letters(text: str) -> int:
        asked.append(text)
        return 2 + len(text.replace(" ", ""))

    meter = TokenMeter(count_letters)
    assert meter.frame == 2
    assert meter("one three one") == 11
    assert meter("three one") == 8
    assert asked == ["", "one", "three"]


def test_an_endless_word_counts_by_its_length_even_where_the_model_does_not_know_it() -> None:
    meter = TokenMeter(lambda text: 2 + len(text.split()))
    assert meter("x" * 400) == 100
