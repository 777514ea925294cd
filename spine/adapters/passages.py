"""Opens the model, the vectors and the keyword index that the settings name, when they are first asked for."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from spine.errors import NotConfiguredError
from spine.passages_port import PassageStores
from spine.provider_keys import environment_credential
from spine.settings import Settings
from spine.vectors_port import Embedder, VectorStore


class Passages:
    """One process's stores. Calling it gives them; they live until `close` and belong to one event loop."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._stores: PassageStores | None = None

    async def __call__(self) -> PassageStores:
        """The stores. `NotConfiguredError` for embeddings without a key, `ExternalServiceError` without a server."""
        async with self._opening:
            if self._stores is None:
                self._stores = await self._open()
            return self._stores

    async def close(self) -> None:
        self._stores = None
        await self._stack.aclose()

    async def _open(self) -> PassageStores:
        from spine.adapters.fts_keywords import FtsKeywords

        async with AsyncExitStack() as opened:
            embedder = open_embedder(self._config)
            opened.push_async_callback(embedder.close)
            vectors = await _open_vectors(self._config, opened)
            self._config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            keywords = FtsKeywords(self._config.home / "keywords.sqlite3")
            opened.push_async_callback(keywords.close)
            self._stack = opened.pop_all()
            return PassageStores(embedder, vectors, keywords)


def open_embedder(config: Settings) -> Embedder:
    """MiniLM on this machine, or the OpenAI-compatible model that `MILLRACE_EMBEDDING_MODEL` names.

    Its key and address come from the environment alone: the gateway embeds questions, and sees no saved blocks.
    """
    if config.embedding_model is None:
        from spine.adapters.minilm_embedder import MiniLmEmbedder

        return MiniLmEmbedder(config.home / "models")
    from spine.adapters.openai_embedder import OpenAiEmbedder

    credential = environment_credential("openai")
    if credential is None:
        raise NotConfiguredError(
            f"The embedding model {config.embedding_model} needs OPENAI_API_KEY, or OPENAI_BASE_URL of a local server; "
            "without MILLRACE_EMBEDDING_MODEL, MiniLM runs on this machine",
            what="OPENAI_API_KEY",
        )
    return OpenAiEmbedder(
        config.embedding_model,
        api_key=credential.api_key.get_secret_value(),
        base_url=credential.base_url,
        dimension=config.embedding_dimension,
    )


async def _open_vectors(config: Settings, stack: AsyncExitStack) -> VectorStore:
    """The server that is configured, else one for as long as these stores live."""
    from spine.adapters.chroma_vectors import ChromaVectors
    from spine.adapters.private_chroma import private_chroma

    url = config.chroma_url or await stack.enter_async_context(private_chroma(config.home / "chroma"))
    vectors = ChromaVectors(url)
    stack.push_async_callback(vectors.close)
    return vectors
