"""A stack in memory for conversations: write something, look at what came back, what is stored and what was sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spine.contracts.conversations import (
    AccountPolicy,
    InboundMessage,
    Reply,
    Session,
    TaskName,
    Turn,
)
from spine.contracts.jobs import Job
from spine.contracts.timestamps import iso
from spine.conversations import ConversationDesk, turn_from
from spine.documents import CONVERSATIONS, MESSAGES, PERSONAS, ensure_indexes
from spine.errors import MillraceError
from spine.passages_port import PassageStores
from spine.ports import Documents, ProgressLog
from spine.services import Services, using
from spine.settings import Settings
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_crm import MemoryCrm
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_messenger import MemoryMessenger
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.memory_vectors import MemoryVectors
from spine.testing.scripted_chats import Script, ScriptedChats
from spine.testing.scripted_models import ScriptedModels
from spine.vectors_port import Entry
from tasks.conversation.work import run_conversation_job
from tasks.retrieval.indexed_collection import IndexedCollection, collection_name

CHAT = "42"


def echo(request: Any, choice: Any) -> str:
    return f"You said: {request.turns[-1].text}"


@dataclass
class ConversationWorld:
    services: Services
    chats: ScriptedChats
    models: ScriptedModels
    messenger: MemoryMessenger
    crm: MemoryCrm
    desk: ConversationDesk
    policy: dict[str, Any] = field(default_factory=dict[str, Any])
    written: int = 0

    # -- writing and running -----------------------------------------------------------------------------

    async def receive(self, text: str, session_id: str = "ana", **more: Any) -> Job:
        """A message that is stored and not yet run."""
        self.written += 1
        fields = {"platform": "telegram", "chat_id": CHAT, "message_id": f"m{self.written}", **more}
        task = fields.pop("task", TaskName.PROCESS_AND_RESPOND)
        message = InboundMessage(session_id=session_id, text=text, **fields)
        job, _ = await self.desk.receive(message, task)
        return job

    async def run(self, job: Job) -> Job:
        """One attempt, as a lane would give it; an error stays in the job's record."""
        with using(self.services):
            begun = await self.services.ledger.begin(job.job_id, self.services.worker)
            if begun is not None:
                with suppress(MillraceError):
                    await run_conversation_job(self.services, begun)
        return await self.services.ledger.get(job.job_id)

    async def say(self, text: str, **more: Any) -> Reply:
        job = await self.run(await self.receive(text, **more))
        assert job.result is not None, job.error
        return Reply.model_validate(job.result)

    # -- looking -----------------------------------------------------------------------------------------

    async def session(self, session_id: str = "ana") -> Session:
        return await self.desk.get(session_id)

    async def turns(self, session_id: str = "ana") -> list[Turn]:
        found = await self.services.documents.find(MESSAGES, {"session_id": session_id}, sort=[("seq", 1)])
        return [turn_from(document) for document in found]

    @property
    def sent(self) -> list[str]:
        return [message.text for message in self.messenger.sent]

    async def shift_back(self, session_id: str, moment: datetime) -> None:
        """As if the last thing in the session had been said at that moment."""
        values = {"last_user_at": iso(moment), "last_reply_at": iso(moment), "created": iso(moment)}
        await self.services.documents.update(CONVERSATIONS, {"_id": session_id}, set=values)


async def open_world(
    script: Script = echo,
    *,
    providers: tuple[str, ...] = ("groq",),
    documents: Documents | None = None,
    progress: ProgressLog | None = None,
    **policy: Any,
) -> ConversationWorld:
    documents = documents or MemoryDocuments()
    await ensure_indexes(documents)
    chats, models = ScriptedChats(script), ScriptedModels(providers=providers)
    messenger, crm = MemoryMessenger(), MemoryCrm()
    services = Services(
        settings=Settings(),
        documents=documents,
        progress=progress or MemoryProgressLog(),
        models=models,
        chats=chats,
        pages=MemoryPages({}),
        browser=None,
        messengers=lambda platform, account: messenger,
        crm=lambda name: crm,
        worker="lane:test",
    )
    desk = ConversationDesk(documents, services.ledger)
    world = ConversationWorld(services, chats, models, messenger, crm, desk, {"crm": "shop", **policy})
    services.account_policy = lambda platform, account: AccountPolicy(**world.policy)
    return world


async def give_persona(world: ConversationWorld, persona_id: str, **works: str) -> None:
    """A persona with one passage per work."""
    embedder, vectors, keywords = HashingEmbedder(), MemoryVectors(), MemoryKeywords()
    name = collection_name(persona_id, "works")
    collection = await vectors.open(name, model=embedder.name, dimension=embedder.dimension)
    entries = [Entry(f"{work}:1", text, {"work": work}) for work, text in works.items()]
    indexed = IndexedCollection(collection, keywords)
    await indexed.upsert(entries, await embedder.embed([entry.text for entry in entries]))
    await world.services.documents.upsert(PERSONAS, {"_id": persona_id, "status": "active"})

    async def stores() -> PassageStores:
        return PassageStores(embedder, vectors, keywords)

    world.services.passages = stores
