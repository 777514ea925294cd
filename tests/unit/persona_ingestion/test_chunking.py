"""Where a text is cut into chunks, and that an edit stays where it is made."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine.errors import InvalidInputError
from tasks.persona_ingestion.chunking import ChunkSize, Piece, chunk_blocks
from tasks.persona_ingestion.reading.items import Block
from tasks.persona_ingestion.sentences import is_verse, line_spans, sentence_spans
from tasks.persona_ingestion.token_meter import TokenMeter
from tasks.persona_ingestion.units import place_blocks
from tests.unit.persona_ingestion.source_files import count_words

SMALL = ChunkSize(tokens=42, overlap=8)  # 40 words and the frame


def chunked(blocks: Sequence[Block], size: ChunkSize = SMALL) -> list[Piece]:
    return list(chunk_blocks(place_blocks(blocks, "en"), size, TokenMeter(count_words)))


def whole(blocks: Sequence[Block]) -> str:
    return "".join(unit.gap * (unit.start > 0) + unit.text for unit in place_blocks(blocks, "en"))


def words(count: int, name: str = "w") -> str:
    return " ".join(f"{name}{number}" for number in range(count))


def sentences(count: int, seed: int = 0) -> str:
    chosen = random.Random(seed)
    return " ".join(
        " ".join("".join(chosen.choices("abcdefgh", k=5)) for _ in range(chosen.randint(4, 14))).capitalize() + "."
        for _ in range(count)
    )


POEM = [Block("The Raven", heading=1), *(Block(f"{words(6, name)}\n{words(6, name.upper())}") for name in "abc")]


def test_a_poem_that_fits_is_one_chunk_with_its_title() -> None:
    (piece,) = chunked([*POEM[:3]])
    assert piece.text.startswith("The Raven\n\na0 a1")
    assert piece.path == ("The Raven",)
    assert piece.start == 0


def test_a_chunk_never_holds_two_poems() -> None:
    blocks = [Block("ONE", heading=3), Block("a few words"), Block("TWO", heading=3), Block("other words")]
    assert [(piece.path, piece.text) for piece in chunked(blocks)] == [
        (("ONE",), "ONE\n\na few words"),
        (("TWO",), "TWO\n\nother words"),
    ]


def test_headings_without_text_between_them_open_the_chunk_that_follows() -> None:
    blocks = [Block("BOOK", heading=1), Block("PART", heading=2), Block("CHAPTER", heading=3), Block("text")]
    (piece,) = chunked(blocks)
    assert (piece.path, piece.text) == (("BOOK", "PART", "CHAPTER"), "BOOK\n\nPART\n\nCHAPTER\n\ntext")


def test_a_heading_ends_the_sections_of_its_level_and_below() -> None:
    blocks = [
        *(Block("A", heading=2), Block("a", heading=3), Block("one")),
        *(Block("b", heading=3), Block("two"), Block("B", heading=2), Block("three")),
    ]
    assert [piece.path for piece in chunked(blocks)] == [("A", "a"), ("A", "b"), ("B",)]


def test_numbered_parts_share_a_chunk_and_name_those_that_begin_in_them() -> None:
    parts = [block for name in "abc" for block in (Block(name, heading=4, numbered=True), Block(words(15, name)))]
    pieces = chunked([Block("BELLS", heading=3), *parts])
    assert len(pieces) == 2
    assert pieces[0].path == ("BELLS", "a")
    assert pieces[1].path in (("BELLS", "b"), ("BELLS", "c"))
    assert pieces[0].text.split()[-1] in ("a14", "b14"), "a heading stays with what it is above"


def test_quotations_share_a_chunk_with_nothing_however_long_they_are() -> None:
    long = sentences(12)
    pieces = chunked(
        [Block("one", alone=True, author="A", line=1), Block(long, alone=True, line=2), Block("two", alone=True)]
    )
    assert (pieces[0].text, pieces[0].author, pieces[0].line) == ("one", "A", 1)
    assert pieces[-1].text == "two"
    assert len(pieces) > 3
    assert {piece.line for piece in pieces[1:-1]} == {2}


@pytest.mark.parametrize(
    ("blocks", "ends"),
    [
        pytest.param([words(15, "a"), words(15, "b"), words(15, "c")], ["b14", "c14"], id="between paragraphs"),
        pytest.param([sentences(20)], [".", ".", "."], id="between sentences"),
        pytest.param(["\n".join(f"l{n} {words(4)} e{n}" for n in range(20))], ["e", "e", "e"], id="between verses"),
        pytest.param([words(100)], ["w", "w", "w"], id="between words where nothing else is"),
    ],
)
def test_a_long_text_is_cut(blocks: list[str], ends: list[str]) -> None:
    pieces = chunked([Block(text) for text in blocks])
    assert len(pieces) >= len(ends)
    for piece, end in zip(pieces, ends, strict=False):
        assert end in piece.text.split()[-1]


def test_a_chunk_begins_with_the_last_sentence_of_the_one_before() -> None:
    for before, after in pairwise(chunked([Block(sentences(40))])):
        shared = before.text[after.start - before.start :]
        assert shared and after.text.startswith(shared)
        assert len(shared.split()) <= SMALL.overlap


def test_no_overlap_means_none() -> None:
    pieces = chunked([Block(sentences(40))], ChunkSize(tokens=42, overlap=0))
    assert all(before.end < after.start for before, after in pairwise(pieces))


_lines = st.lists(st.text("ab. ăș!", min_size=1, max_size=12), min_size=1, max_size=12).map("\n".join)
_block = st.builds(
    Block,
    text=st.one_of(_lines, st.integers(1, 120).map(words), st.integers(1, 15).map(sentences), st.just("x" * 700)),
    heading=st.sampled_from([0, 0, 0, 0, 1, 3, 4]),
    numbered=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(blocks=st.lists(_block, max_size=14), size=st.sampled_from([SMALL, ChunkSize(16, 0), ChunkSize(30, 15)]))
def test_whatever_the_text_chunks_are_slices_of_it_in_order_and_miss_nothing(
    blocks: list[Block], size: ChunkSize
) -> None:
    text, pieces = whole(blocks), chunked(blocks, size)
    covered = 0
    for piece in pieces:
        assert piece.text == text[piece.start : piece.end]
        assert piece.tokens <= size.tokens
        assert piece.start <= covered or not text[covered : piece.start].strip()
        assert piece.end > covered
        covered = piece.end
    assert not text[covered:].strip()


@pytest.mark.parametrize("shape", ["paragraphs", "one paragraph", "verses"])
@pytest.mark.parametrize("place", [0.05, 0.5, 0.95])
def test_an_edit_changes_the_chunks_around_it_and_no_others(shape: str, place: float) -> None:
    parts = [sentences(3, seed) for seed in range(200)]
    joint = {"paragraphs": "\n\n", "one paragraph": " ", "verses": "\n"}[shape]
    edited = list(parts)
    edited[int(place * len(parts))] = "Something else is written here now, and it is quite a bit longer than before."

    def texts(written: list[str]) -> list[str]:
        return [piece.text for piece in chunked([Block(text) for text in joint.join(written).split("\n\n")])]

    before, after = texts(parts), texts(edited)
    assert len(set(before) ^ set(after)) <= 14
    assert len(before) > 100


@pytest.mark.parametrize(("tokens", "overlap"), [(15, 0), (100, 51), (100, -1)])
def test_a_size_that_makes_no_sense_is_refused(tokens: int, overlap: int) -> None:
    with pytest.raises(InvalidInputError, match="a chunk needs at least"):
        ChunkSize(tokens, overlap)


@pytest.mark.parametrize(("max_tokens", "size"), [(8_191, ChunkSize()), (240, ChunkSize()), (120, ChunkSize(120, 20))])
def test_a_size_keeps_within_what_a_model_reads(max_tokens: int, size: ChunkSize) -> None:
    assert ChunkSize.within(max_tokens) == size


@pytest.mark.parametrize(
    ("text", "verse"),
    [
        ("De-acuma nu te-oi mai vedea,\nRămâi, rămâi, cu bine!\nMă voi feri în calea mea\nDe tine.", True),
        ("Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint", True),
        (
            "In placing before the public this collection of Edgar Poe's poetical\nworks, it is requisite to point out"
            " in what respects it differs from,\nand is superior to, the numerous collections which have preceded it.",
            False,
        ),
        ("A single short line", True),
        ("A single line that is long enough to be a paragraph of prose in its own right, surely.", False),
    ],
)
def test_verse_is_told_from_wrapped_prose_by_its_line_ends(text: str, verse: bool) -> None:
    assert is_verse(text) is verse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three? Four…", ["One.", "Two!", "Three?", "Four…"]),
        ("Mr. Poe and Dr. J. Moran met. He left.", ["Mr. Poe and Dr. J. Moran met.", "He left."]),
        ("“Never.” Quoth the Raven.", ["“Never.”", "Quoth the Raven."]),
        ("It cost 3.50 in all. Then e.g. nothing", ["It cost 3.50 in all.", "Then e.g. nothing"]),
        ("Plecă.\nÎn zori reveni. Șoptea.", ["Plecă.", "În zori reveni.", "Șoptea."]),
        ("床前明月光。“疑是地上霜！”举头", ["床前明月光。", "“疑是地上霜！”", "举头"]),
        ("हम हिन्दी हैं। वतन है।", ["हम हिन्दी हैं।", "वतन है।"]),
        ("كيف حالك؟ أنا بخير.", ["كيف حالك؟", "أنا بخير."]),
        ("no end", ["no end"]),
    ],
)
def test_sentences_end_at_their_stops(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == found


def test_lines_are_cut_at_their_ends() -> None:
    assert [("a b\nc\n d"[start:end]) for start, end in line_spans("a b\nc\n d")] == ["a b", "c", "d"]
