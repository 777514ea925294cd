"""MiniLM from the installed weights: exact enough, the same whatever surrounds a text, built once."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from spine.adapters import minilm_embedder
from spine.adapters.minilm_embedder import DIMENSION, MiniLmEmbedder, built_graph, model_folder
from spine.adapters.word_tokens import WordTokens
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.vectors_port import Vector

TEXTS = [
    "The cat sat on the mat.",
    "A kitten is sitting on a rug.",
    "Interest rates rose by half a percent.",
    "De-acuma nu te-oi mai vedea, rămâi, rămâi, cu bine!",
    "nevermore " * 100,
    "",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's graph is built once."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
async def embedder(models: Path) -> AsyncIterator[MiniLmEmbedder]:
    made = MiniLmEmbedder(models, threads=2)
    yield made
    await made.close()


def cosine(one: Vector, other: Vector) -> float:
    return float(np.dot(one, other))


def exact_vector(tokens: list[int]) -> Vector:
    """BERT as its paper has it, in plain float32: embeddings, attention, two norms a layer, the mean, its direction."""
    weights: dict[str, Any] = load_file(model_folder() / "model.safetensors")
    config = json.loads((model_folder() / "config.json").read_text())
    erf = np.vectorize(math.erf)

    def linear(state: Any, name: str) -> Any:
        return state @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(state: Any, name: str) -> Any:
        spread = np.sqrt(state.var(-1, keepdims=True) + config["layer_norm_eps"])
        return (state - state.mean(-1, keepdims=True)) / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(state: Any, name: str) -> Any:
        heads = config["num_attention_heads"]
        query, key, value = (
            linear(state, f"{name}.{part}").reshape(len(tokens), heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        looked = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]))
        return (looked / looked.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(state.shape)

    words, places, types = (
        weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")
    )
    state = norm(words[tokens] + places[: len(tokens)] + types[0], "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        attended = linear(attention(state, f"{name}.attention.self"), f"{name}.attention.output.dense")
        state = norm(attended + state, f"{name}.attention.output.LayerNorm")
        wide = linear(state, f"{name}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        state = norm(linear(wide, f"{name}.output.dense") + state, f"{name}.output.LayerNorm")
    mean = state.mean(0)
    return (mean / np.linalg.norm(mean)).tolist()


async def test_int8_stays_close_to_the_exact_model(embedder: MiniLmEmbedder) -> None:
    found = await embedder.embed(TEXTS[:4])
    tokens = [embedder._tokenizer.encode(text).ids for text in TEXTS[:4]]  # pyright: ignore[reportPrivateUsage]
    closeness = [cosine(one, exact_vector(ids)) for one, ids in zip(found, tokens, strict=True)]
    assert min(closeness) > 0.97


async def test_vectors_have_length_1_and_the_dimension_that_is_told(embedder: MiniLmEmbedder) -> None:
    for vector in await embedder.embed(TEXTS):
        assert len(vector) == embedder.dimension == DIMENSION
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


async def test_texts_that_mean_the_same_are_nearer_than_others(embedder: MiniLmEmbedder) -> None:
    cat, kitten, rates = await embedder.embed(TEXTS[:3])
    assert cosine(cat, kitten) > 0.4 > 0.2 > cosine(cat, rates)


async def test_a_vector_depends_on_its_text_alone(embedder: MiniLmEmbedder, models: Path) -> None:
    """To the last bit: a run that was resumed stores what a clean run stores."""
    together = await embedder.embed(TEXTS * 5)
    alone = [(await embedder.embed([text]))[0] for text in TEXTS]
    another = MiniLmEmbedder(models, threads=1)
    in_reverse = await another.embed(TEXTS[::-1])
    await another.close()
    assert together == alone * 5
    assert in_reverse[::-1] == alone


async def test_nothing_to_embed_gives_nothing(embedder: MiniLmEmbedder) -> None:
    assert await embedder.embed([]) == []


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("hello big world", 3), ("Nevermore!", 3), ("x " * 1000, 1000)], ids=str
)
def test_tokens_are_counted_without_the_models_own_marks(embedder: MiniLmEmbedder, text: str, tokens: int) -> None:
    assert embedder.count_tokens(text) == tokens


async def test_a_text_is_read_up_to_its_last_token_that_counts(embedder: MiniLmEmbedder) -> None:
    whole = "sea " * embedder.max_tokens
    last_differs = whole[: -len("sea ")] + "king"
    assert embedder.count_tokens(last_differs) == embedder.max_tokens
    first, same, other = await embedder.embed([whole, whole + "king and more", last_differs])
    assert first == same != other


ODD_TEXTS = [
    *TEXTS,
    "a word of controls: one\x1ctwo\x0bthree\x85four\u2028five\tsix\xa0seven\u200beight",
    "the model's own [SEP] marks, in a word[MASK]as well, and ##ing",
    "e\u0301 and \u0301 alone, ΟΔΟΣ ΟΔΟΣ, 漢字かな, 한국어, ﬁne, İstanbul, “Never—nevermore.” 3.50 ☃",
    "x" * 400 + " stands before an end",
    "sea " * 300 + "king",
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_remembering_the_words_of_a_corpus_changes_no_count_and_no_bit_of_a_vector(
    embedder: MiniLmEmbedder, text: str
) -> None:
    of_corpus = embedder.for_one_corpus()
    for _ in ("new words", "the same words again"):
        assert of_corpus.count_tokens(text) == embedder.count_tokens(text)
        assert await of_corpus.embed([text]) == await embedder.embed([text])


def test_a_word_goes_through_the_tokenizer_once() -> None:
    asked: list[str] = []

    def tokens_of(word: str) -> list[int]:
        asked.append(word)
        return [len(word)] if word else []

    tokens = WordTokens(tokens_of)
    assert tokens("one three\none  three") == [3, 5, 3, 5]
    assert tokens("three four") == [5, 4]
    assert asked == ["one", "three", "", "four"]


def test_what_is_too_long_for_a_word_is_not_remembered() -> None:
    asked: list[str] = []
    tokens = WordTokens(lambda word: asked.append(word) or [1])
    assert tokens("x" * 65) == tokens("x" * 65) == tokens("y" * 64) == tokens("y" * 64) == [1]
    assert [word[0] for word in asked] == ["x", "x", "y"]


async def test_the_event_loop_goes_on_meanwhile(embedder: MiniLmEmbedder) -> None:
    await embedder.embed(["warm up"])
    work = asyncio.create_task(embedder.embed(["a long text of many words " * 40] * 16))
    longest, last = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert longest < 0.2


async def test_processes_that_arrive_together_leave_one_whole_graph(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "models"
    first, second = await asyncio.gather(*(asyncio.to_thread(built_graph, folder) for _ in range(2)))
    assert first == second
    assert [path.name for path in folder.iterdir()] == [first.name]
    embedder = MiniLmEmbedder(folder)
    assert len((await embedder.embed(["one"]))[0]) == DIMENSION
    await embedder.close()


async def test_weights_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_embedder.importlib.util, "find_spec", lambda name: None)  # pyright: ignore
    embedder = MiniLmEmbedder(tmp_path)
    with pytest.raises(NotConfiguredError, match="make setup"):
        await embedder.embed(["one"])
    await embedder.close()


async def test_a_graph_that_cannot_be_built_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minilm_embedder, "model_folder", lambda: tmp_path / "nowhere")
    with pytest.raises(ExternalServiceError, match="could not be built"):
        await asyncio.to_thread(built_graph, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []
