"""A collection's sources read from end to end: chunks, reports, and that they reconcile."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from spine.contracts.personas import Chunk, SourceReport
from tasks.persona_ingestion.chunking import ChunkSize
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.sources import find_sources
from tests.conftest import SHARED_DATA
from tests.unit.persona_ingestion.source_files import count_words, docx, epub, ingest, page, pdf

POEM = "Şi dacă\n\nŞi dacă ramuri bat în geam\nŞi se cutremur plopii,\nE ca în minte să te am\nŞi-ncet să te apropii.\n"


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_chunk_carries_all_that_a_search_hit_shows(tmp_path: Path) -> None:
    chunks, (report,) = ingest(put(tmp_path, {"works/poems/136-si-daca.txt": POEM}))
    assert len(chunks) == 1
    assert chunks[0].model_dump(exclude={"id", "content_hash", "text"}) == {
        "persona_id": "poet",
        "collection": "works",
        "file": "works/poems/136-si-daca.txt",
        "work": "poems/136-si-daca",
        "title": "Și dacă",
        "section": "Și dacă",
        "start": 0,
        "end": 104,
        "tokens": 23,
        "language": "ro",
        "trust": "authored",
        "author": None,
    }
    assert chunks[0].text.startswith("Și dacă\n\nȘi dacă ramuri")
    assert (report.characters, report.encoding, report.language) == (104, "utf-8", "ro")


def test_a_quotation_is_in_its_own_language_whatever_its_neighbours_are_in(tmp_path: Path) -> None:
    said = (
        "In the depth of winter, I finally learned that there was within me an invincible summer.",
        "Nu credeam să-nvăţ a muri vrodată; pururi tânăr, înfăşurat în manta-mi, ochii mei nălţam visători la steaua.",
        "Longtemps, je me suis couché de bonne heure, et parfois mes yeux se fermaient si vite.",
        "Nevermore.",
    )
    lines = "".join(json.dumps({"text": text}) + "\n" for text in said)
    chunks, (report,) = ingest(put(tmp_path, {"quotes/many.jsonl": lines}), "quotes")
    assert [chunk.language for chunk in chunks] == ["en", "ro", "fr", report.language]
    assert "nvăț" in chunks[1].text


def test_every_kind_of_work_gives_its_text(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "works/a.txt": "Text words",
            "works/b.md": "# T\n\nMarkdown words",
            "works/c.html": "<p>Page words</p>",
            "works/d.epub": epub({"1.xhtml": page("<p>Book words</p>")}, title="The Book"),
            "works/e.pdf": pdf([["Print words"]]),
            "works/f.docx": docx([("", "Office words")], title="The Letter"),
        },
    )
    chunks, reports = ingest(tmp_path)
    assert [chunk.text.split()[-2] for chunk in chunks] == ["Text", "Markdown", "Page", "Book", "Print", "Office"]
    assert [report.title for report in reports] == ["a", "T", "c", "The Book", "e", "The Letter"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("works/b.txt", b"\x89PNG\0\0\0", "is not text: it holds control characters"),
        ("works/b.txt", b" \n\n", "holds no text"),
        ("works/b.html", b"<script>x</script>", "holds no text"),
        ("works/b.epub", b"PK nonsense", "cannot be opened, it is damaged"),
        ("works/b.docx", b"nonsense", "cannot be opened, it is damaged"),
        ("works/b.pdf", b"nonsense", "cannot be opened, it is damaged"),
        ("works/b.pdf", pdf([[]]), "holds no text; its pages may be pictures"),
    ],
)
def test_a_bad_file_is_named_and_does_not_stop_the_rest(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    put(tmp_path, {"works/a.txt": "first words", name: content, "works/c.txt": "last words"})
    chunks, reports = ingest(tmp_path)
    assert [chunk.text for chunk in chunks] == ["first words", "last words"]
    assert [report.unreadable for report in reports] == [False, True, False]
    assert reports[1].left_out[0].file == name
    assert reports[1].left_out[0].reason.startswith(reason)
    assert str(tmp_path) not in reports[1].left_out[0].reason


def test_a_reader_that_breaks_down_costs_only_the_rest_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.persona_ingestion.reading import kinds
    from tasks.persona_ingestion.reading.items import Block

    def breaking(file: object):
        yield Block("came through")
        raise AssertionError("a bug of a library")

    monkeypatch.setitem(kinds.READERS, "pdf", breaking)
    chunks, reports = ingest(put(tmp_path, {"works/a.pdf": "x", "works/b.txt": "and on"}))
    assert [chunk.text for chunk in chunks] == ["came through", "and on"]
    assert reports[0].left_out[0].reason == "cannot be read (AssertionError: a bug of a library)"


def test_what_the_tokenizer_raises_is_no_fault_of_a_file(tmp_path: Path) -> None:
    def broken(text: str) -> int:
        if text:
            raise RuntimeError("no model")
        return 2

    put(tmp_path, {"works/a.txt": "words"})
    with Ledger() as ledger, pytest.raises(RuntimeError, match="no model"):
        list(Corpus("poet", find_sources(tmp_path, "works"), broken, ledger))


def test_duplicates_are_named_with_the_chunk_that_was_kept(tmp_path: Path) -> None:
    long = " ".join(f"word{number}" for number in range(60))
    put(tmp_path, {"works/a.txt": long, "works/b.txt": long, "works/c.txt": long.replace("word30", "other")})
    chunks, reports = ingest(tmp_path)
    assert [chunk.work for chunk in chunks] == ["a"]
    assert [(report.exact_duplicates, report.near_duplicates, report.stored) for report in reports] == [
        *((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ]
    assert {duplicate.of for report in reports for duplicate in report.duplicates} == {chunks[0].id}
    assert reports[2].duplicates[0].similarity == pytest.approx(0.9, abs=0.05)


def test_quotations_keep_their_author_and_their_line(tmp_path: Path) -> None:
    lines = '{"text": "one", "author": "A"}\nbroken\n{"text": "one", "author": "B"}\n{"text": "two"}'
    chunks, (report,) = ingest(put(tmp_path, {"quotes/q.jsonl": lines}), "quotes")
    assert [(chunk.text, chunk.author, chunk.trust) for chunk in chunks] == [
        ("one", "A", "attributed"),
        ("two", None, "attributed"),
    ]
    assert report.left_out[0].line == 2
    assert report.duplicates[0].line == 3


def test_the_same_sources_give_the_same_chunks_and_another_persona_others(tmp_path: Path) -> None:
    put(tmp_path, {"works/a.txt": POEM, "works/b.txt": "other words"})
    assert ingest(tmp_path) == ingest(tmp_path)
    ids = {chunk.id for chunk in ingest(tmp_path)[0]}
    assert not ids & {chunk.id for chunk in ingest(tmp_path, persona_id="another")[0]}


def test_an_id_stays_when_a_chunk_moves_and_changes_with_its_words(tmp_path: Path) -> None:
    before = {
        c.text.split()[-1]: c for c in ingest(put(tmp_path, {"works/a.txt": "ONE\n\nwords one\n\nTWO\n\nwords two"}))[0]
    }
    after = {
        c.text.split()[-1]: c
        for c in ingest(put(tmp_path, {"works/a.txt": "ONE\n\nmore words one\n\nTWO\n\nwords two"}))[0]
    }
    assert before["two"].id == after["two"].id
    assert before["two"].start != after["two"].start
    assert before["one"].id != after["one"].id


def test_other_line_ends_make_another_chunk_of_the_same_words(tmp_path: Path) -> None:
    """A model may read line ends, so one id never stands for two vectors."""
    (before,), _ = ingest(put(tmp_path, {"works/a.txt": "one verse,\nanother verse"}))
    (after,), _ = ingest(put(tmp_path, {"works/a.txt": "one verse, another verse"}))
    assert before.id != after.id
    assert before.content_hash == after.content_hash


# The saved corpora.

needs_data = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the folder shared/data is not beside the project")


def reconcile(chunks: list[Chunk], reports: list[SourceReport]) -> None:
    by_file = {report.file: 0 for report in reports}
    for chunk in chunks:
        by_file[chunk.file] += 1
    assert by_file == {report.file: report.stored for report in reports}
    assert len({chunk.id for chunk in chunks}) == len({chunk.content_hash for chunk in chunks}) == len(chunks)


@needs_data
def test_the_saved_quotations_are_all_there_but_four_that_are_repeated() -> None:
    chunks, (report,) = ingest(SHARED_DATA / "persona/quotes", "quotes")
    assert (report.chunks, report.exact_duplicates, report.near_duplicates, report.left_out_total) == (2127, 4, 0, 0)
    assert len(chunks) == 2123
    reconcile(chunks, [report])


@needs_data
def test_eminescu_reconciles_file_by_file_and_is_romanian_with_commas() -> None:
    chunks, reports = ingest(SHARED_DATA / "persona/eminescu")
    reconcile(chunks, reports)
    assert len(reports) == 162
    assert not any(report.left_out for report in reports)
    assert {report.language for report in reports} == {"ro"}
    assert not [chunk for chunk in chunks if set(chunk.text) & set("şŞţŢ")]
    twins = {report.work: report for report in reports}
    assert twins["007-atat-de-frageda"].stored == 0, "the same poem with another title mark"
    assert twins["136-si-daca"].stored == 1


@needs_data
def test_poe_comes_without_the_gutenberg_frame_and_with_his_poems_as_sections() -> None:
    chunks, (report,) = ingest(SHARED_DATA / "persona/poe")
    reconcile(chunks, [report])
    assert (report.title, report.language) == ("The Complete Poetical Works of Edgar Allan Poe", "en")
    assert not [chunk for chunk in chunks if "Gutenberg" in chunk.text]
    raven = [chunk for chunk in chunks if chunk.section == "THE RAVEN."]
    assert raven[0].text.startswith("THE RAVEN.\n\nOnce upon a midnight dreary")
    assert {"ANNABEL LEE.", "ULALUME.", "THE BELLS, › I."} <= {chunk.section for chunk in chunks}
    assert max(chunk.tokens for chunk in chunks) <= ChunkSize().tokens


@needs_data
def test_offsets_point_into_one_text_per_work() -> None:
    for name, collection in (("eminescu", "works"), ("poe", "works"), ("quotes", "quotes")):
        by_file: dict[str, list[Chunk]] = {}
        for chunk in ingest(SHARED_DATA / "persona" / name, collection)[0]:
            by_file.setdefault(chunk.file, []).append(chunk)
        for chunks in by_file.values():
            for before, after in pairwise(chunks):
                shared = before.end - after.start
                assert shared <= 0 or before.text.endswith(after.text[:shared])
                assert after.end > before.end


@needs_data
def test_the_progress_of_reading_never_falls() -> None:
    sources = find_sources(SHARED_DATA / "persona/eminescu", "works")
    with Ledger() as ledger:
        corpus = Corpus("poet", sources, count_words, ledger)
        seen = [corpus.progress for _ in corpus]
    assert seen == sorted(seen)
    assert len(set(seen)) > 100


def test_what_cannot_be_stored_as_text_does_not_stop_a_collection(tmp_path: Path) -> None:
    put(tmp_path, {"quotes/a.jsonl": r'{"text": "half a \ud800pair", "author": "Ş\udfff. Ţepeș"}' + '\n"whole words"'})
    chunks, _ = ingest(tmp_path, "quotes")
    assert [chunk.text for chunk in chunks] == ["half a pair", "whole words"]
    assert chunks[0].metadata()["fingerprint"]
