"""A reader who misremembers one word of a line still finds the poem."""

from __future__ import annotations

from pathlib import Path

from benchmarks.quotation_recall import TARGET, fill, measure, poem_files, poems, quotations
from spine.adapters.fts_keywords import FtsKeywords
from spine.adapters.minilm_embedder import MiniLmEmbedder
from spine.testing.memory_vectors import MemoryVectors
from tasks.retrieval.search import HybridSearch


async def test_the_poem_of_a_quotation_with_one_wrong_word_is_among_the_first_three(
    shared_data: Path, tmp_path: Path
) -> None:
    """On a sixth of the poems, for the time it takes; `benchmarks.quotation_recall` takes all of them."""
    embedder, keywords = MiniLmEmbedder(tmp_path / "models"), FtsKeywords(tmp_path / "keywords.sqlite3")
    search = HybridSearch(embedder, MemoryVectors(), keywords)
    chunks = poems(poem_files(shared_data)[::6], tmp_path / "persona", embedder)
    await fill(search, chunks)
    found = await measure(search, list(quotations(chunks, 200, seed=7)))
    await embedder.close()
    await keywords.close()
    assert found.top_three >= TARGET, found.missed
