"""Search across a persona's collections, over the stores' twins in memory."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from spine.errors import InvalidInputError
from spine.spelling import with_commas
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry
from tasks.retrieval.indexed_collection import IndexedCollection, collection_name, collection_names
from tasks.retrieval.search import HybridSearch

POE = collection_names("poe")
RAVEN = Entry(
    "w1",
    "Quoth the Raven, Nevermore.",
    {"work": "raven", "section": "XVIII", "start": 120, "end": 147, "language": "en"},
)
ANNABEL = Entry("w2", "In a kingdom by the sea lived Annabel Lee.", {"work": "annabel-lee", "language": "en"})
CORBUL = Entry("w3", "Spuse Corbul: Nevermore", {"work": "corbul", "language": "ro"})
QUOTE = Entry("q1", "Those who dream by day are cognizant of many things.", {"work": "quotes"})


@pytest.fixture
def search() -> HybridSearch:
    return HybridSearch(HashingEmbedder(), MemoryVectors(), MemoryKeywords())


async def put(search: HybridSearch, collection: str, entries: Sequence[Entry]) -> IndexedCollection:
    vectors = await search.vectors.open(
        POE[collection], model=search.embedder.name, dimension=search.embedder.dimension
    )
    indexed = IndexedCollection(vectors, search.keywords)
    await indexed.upsert(entries, await search.embedder.embed([entry.text for entry in entries]))
    return indexed


async def test_a_hit_tells_the_passage_and_where_it_stands(search: HybridSearch) -> None:
    await put(search, "works", [RAVEN, ANNABEL])
    [hit] = await search.search("what did the raven say", POE, limit=1)
    assert hit.score > 0
    assert hit.model_dump(exclude={"score"}) == {
        "id": "w1",
        "text": RAVEN.text,
        "collection": "works",
        "work": "raven",
        "section": "XVIII",
        "start": 120,
        "end": 147,
    }


@pytest.mark.parametrize("stored", ["Șapte țări", "Şapte ţări"], ids=["commas", "cedillas"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "asked",
    [
        {"author": "{}"},
        {"author": {"$eq": "{}"}},
        {"author": {"$in": ["somebody", "{}"]}},
        {"author": {"$in": ["{}"], "$eq": "Șapte țări"}},
    ],
    ids=["a value", "$eq", "$in", "$in and $eq"],
)
async def test_a_filter_finds_its_value_in_either_romanian_spelling(
    search: HybridSearch, stored: str, form: Literal["NFC", "NFD"], asked: dict[str, Any]
) -> None:
    entry = Entry("w4", "Trei corbi", {"author": with_commas(stored), "language": "ro"})
    await put(search, "works", [entry, RAVEN])
    where = json.loads(json.dumps(asked).replace("{}", unicodedata.normalize(form, stored)))
    assert [hit.id for hit in await search.search("corbi", POE, where=where)] == ["w4"]


@pytest.mark.parametrize(
    ("stored", "asked", "is_found"),
    [
        ({"author": "Mark Twain"}, {"author": "mark twain"}, True),
        ({"author": "Mark Twain"}, {"author": "MARK TWAIN"}, True),
        ({"author": "Émile Cioran"}, {"author": "émile cioran"}, True),
        ({"author": "Émile Cioran"}, {"author": "e\u0301mile cioran"}, True),
        ({"author": "Şerif Ateş"}, {"author": "Șerif Ateș"}, True),
        ({"author": "Mark Twain"}, {"author": {"$in": ["seneca", "mark twain"]}}, True),
        ({"author": "Mark Twain"}, {"author": "Mark"}, False),
        ({"author": "Emile"}, {"author": "émile"}, False),
        ({"work": "The raven"}, {"work": "the raven"}, True),
        ({"work": "raven"}, {"work": "Raven"}, True),
        ({"work": "glossa\u0306"}, {"work": "glossă"}, True),
        ({"work": "poe's tales"}, {"work": "Poe's Tales"}, True),
        ({"language": "en"}, {"language": "EN"}, True),
        ({"language": "en"}, {"language": "en-GB"}, True),
        ({"language": "en"}, {"language": "en_US"}, True),
        ({"language": "en"}, {"language": "enm"}, False),
        ({"trust": "authored"}, {"trust": "AUTHORED"}, False),
    ],
)
async def test_a_filter_finds_its_value_however_it_is_typed(
    search: HybridSearch, stored: dict[str, str], asked: dict[str, Any], is_found: bool
) -> None:
    await put(search, "works", [Entry("w4", "Three crows", stored), Entry("w5", "Four crows", {"work": "crows"})])
    assert [hit.id for hit in await search.search("crows", POE, where=asked)] == ["w4"] * is_found


async def test_all_collections_are_ranked_together(search: HybridSearch) -> None:
    await put(search, "works", [RAVEN, ANNABEL])
    await put(search, "quotes", [QUOTE])
    hits = await search.search("who dream by day", POE)
    assert (hits[0].id, hits[0].collection) == ("q1", "quotes")
    assert {hit.collection for hit in hits} == {"works", "quotes"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_the_same_id_in_two_collections_is_two_passages(search: HybridSearch) -> None:
    await put(search, "works", [RAVEN])
    await put(search, "quotes", [Entry(RAVEN.id, "the raven again")])
    hits = await search.search("raven", POE)
    assert sorted(hit.collection for hit in hits) == ["quotes", "works"]


async def test_a_name_is_found_by_its_word_among_many(search: HybridSearch) -> None:
    others = [Entry(f"o{n}", f"kingdom by the sea number {n}") for n in range(200)]
    await put(search, "works", [*others, ANNABEL])
    assert [hit.id for hit in await search.search("Annabel", POE, limit=1)] == ["w2"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [({"language": "ro"}, ["w3"]), ({"language": "en"}, ["w1", "w2"]), ({"work": {"$in": ["raven"]}}, ["w1"])],
    ids=["one language", "another", "one of a list"],
)
async def test_a_filter_leaves_only_what_matches(
    search: HybridSearch, where: dict[str, object], expected: list[str]
) -> None:
    await put(search, "works", [RAVEN, ANNABEL, CORBUL])
    hits = await search.search("nevermore", POE, where=where)
    assert sorted(hit.id for hit in hits) == expected


async def test_a_filter_finds_a_word_behind_many_better_passages(search: HybridSearch) -> None:
    better = [Entry(f"b{n}", "raven raven raven", {"work": "other"}) for n in range(300)]
    far = Entry("far", "one raven in a long line of other words " * 5, {"work": "wanted"})
    await put(search, "works", [*better, far])
    hits = await search.search("raven", POE, where={"work": "wanted"})
    assert [hit.id for hit in hits] == ["far"]


async def test_collections_that_are_not_there_give_nothing(search: HybridSearch) -> None:
    assert await search.search("raven", POE) == []
    assert await search.vectors.names() == []


async def test_what_the_keyword_index_alone_still_holds_is_passed_over(search: HybridSearch) -> None:
    indexed = await put(search, "works", [RAVEN, ANNABEL])
    await indexed.vectors.delete(["w1"])
    assert [hit.id for hit in await search.search("quoth the raven", POE)] == ["w2"]


@pytest.mark.parametrize(
    "question", ["", " \n", "x" * 10_001, "half \ud83d"], ids=["empty", "blank", "too long", "half a character"]
)
async def test_a_question_that_is_none_is_refused(search: HybridSearch, question: str) -> None:
    with pytest.raises(InvalidInputError):
        await search.search(question, POE)


async def test_a_limit_below_one_is_refused(search: HybridSearch) -> None:
    with pytest.raises(InvalidInputError, match="limit"):
        await search.search("raven", POE, limit=0)


async def test_a_question_of_marks_alone_is_answered_by_meaning(search: HybridSearch) -> None:
    await put(search, "works", [RAVEN])
    assert len(await search.search("?!", POE)) == 1


async def test_a_collection_of_another_model_is_refused_with_what_to_do(search: HybridSearch) -> None:
    await put(search, "works", [RAVEN])
    other = HybridSearch(HashingEmbedder(dimension=32), search.vectors, search.keywords)
    with pytest.raises(InvalidInputError, match="configure that model again, or drop the collection"):
        await other.search("raven", POE)


def test_a_collection_is_named_by_its_persona() -> None:
    assert collection_name("poe", "works") == "persona.poe.works"
    assert list(POE) == ["works", "quotes", "profile"]
