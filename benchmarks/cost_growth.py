"""What one request costs when 10², 10³, 10⁴ and 10⁵ submissions, jobs, messages and vectors are stored.

Stores of every size stand beside each other and take turns, one kind of request after the other, so that what else
the machine does falls on all sizes. A figure is the cost at the size where it is highest, divided by the cost at 10².
Documents are in SQLite and vectors in a Chroma server, as a stack has them by default.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.frame.figures import RATIO, Curve, Effort, Figure, Note, Outcome, at_most
from benchmarks.surroundings.stored_submissions import moment, store_submissions, submission, write_all
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.conversations import CONVERSATION, Session, Turn
from spine.contracts.jobs import Job
from spine.contracts.submissions import SubmissionStatus
from spine.conversations import turn_document
from spine.document_cursors import cursor_after
from spine.documents import JOBS, MESSAGES, SUBMISSIONS, ensure_indexes, page_of
from spine.jobs import JobLedger, to_document
from spine.mailbox import MAILBOX_QUEUE, SessionMailbox
from spine.ports import Document, Documents, Sort
from spine.submissions import BOOK_REVIEW, ReviewDesk
from spine.testing.chroma_server import chroma_server
from spine.vectors_port import Entry, Vector, VectorCollection
from tasks.conversation.transcript import Transcript

_SIZES = (100, 1_000, 10_000, 100_000)
_BENCH = "cost growth, 10² to 10⁵ stored"
_NEWEST: Sort = [("created", -1)]
_PAGE = 20
_SESSION = 20  # messages
_DIMENSION = 384
_AT_ONCE = 500  # vectors in one write

Request = Callable[[], Awaitable[object]]


@dataclass
class Stored:
    """Stores of one size."""

    size: int
    documents: Documents
    vectors: VectorCollection
    chance: np.random.Generator

    def id(self, kind: str) -> str:
        return f"{kind}_{self.chance.integers(self.size)}"

    # -- the requests --------------------------------------------------------------------------------------

    async def first_page(self) -> None:
        await page_of(self.documents, SUBMISSIONS, sort=_NEWEST, limit=_PAGE)

    async def page_of_one_status(self) -> None:
        where = {"status": str(SubmissionStatus.READY_FOR_REVIEW)}
        await page_of(self.documents, SUBMISSIONS, where, sort=_NEWEST, limit=_PAGE)

    async def later_page(self) -> None:
        middle = submission(self.size // 2)
        cursor = cursor_after(SUBMISSIONS, _NEWEST, middle)
        await page_of(self.documents, SUBMISSIONS, sort=_NEWEST, limit=_PAGE, cursor=cursor)

    async def get(self) -> None:
        await ReviewDesk(self.documents, JobLedger(self.documents)).get(self.id("sub"))

    async def claim(self) -> None:
        ledger = JobLedger(self.documents)
        job = await ledger.begin("job_waiting", "bench")
        assert job is not None
        await ledger.release(job)

    async def sweep(self) -> None:
        await JobLedger(self.documents).sweep()

    async def session(self) -> None:
        session = Session(session_id=_session(int(self.chance.integers(self.size))), platform="telegram")
        assert len(await Transcript(self.documents, session.session_id).open_turns(session)) == _SESSION

    async def claim_message(self) -> None:
        """Its session is taken, its job looked for and begun; then all is put back."""
        mailbox, ledger = SessionMailbox(self.documents), JobLedger(self.documents)
        assert await mailbox.take(_session(0)) is None
        waiting = (await mailbox.look(_session(0))).job
        assert waiting is not None
        begun = await ledger.begin(waiting.job_id, "bench")
        assert begun is not None
        await ledger.release(begun)
        await mailbox.give_back(_session(0))

    async def search(self) -> None:
        assert len(await self.vectors.query(_vector(self.chance), limit=10)) == 10


REQUESTS: dict[str, Callable[[Stored], Request]] = {
    "first page of submissions": lambda stored: stored.first_page,
    "page of submissions in one status": lambda stored: stored.page_of_one_status,
    "later page of submissions": lambda stored: stored.later_page,
    "one submission": lambda stored: stored.get,
    "claim of a job": lambda stored: stored.claim,
    "sweep": lambda stored: stored.sweep,
    "messages of a session": lambda stored: stored.session,
    "claim of a message": lambda stored: stored.claim_message,
    "vector search": lambda stored: stored.search,
}
FIGURES = tuple(Figure(_BENCH, name, RATIO, at_most(1.2)) for name in REQUESTS)


def bench(effort: Effort) -> Outcome:
    return asyncio.run(_bench(effort))


async def _bench(effort: Effort) -> Outcome:
    sizes = _SIZES[: effort.size(4, 3)]
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, chroma_server(Path(folder) / "chroma") as url:
        async with _stores(Path(folder), url, sizes) as stores:
            costs = {name: await _costs(name, stores, effort) for name in REQUESTS}
    values = {name: max(by_size[size] for size in sizes[1:]) / by_size[sizes[0]] for name, by_size in costs.items()}
    curves = [Curve("cost growth", name, "stored", "ms", _points(by_size)) for name, by_size in costs.items()]
    notes = [
        Note(f"{name}, {size:,} stored", by_size[size] * 1000, "ms")
        for name, by_size in costs.items()
        for size in (sizes[0], sizes[-1])
    ]
    return Outcome(values, notes=notes, curves=curves)


def _points(by_size: dict[int, float]) -> list[tuple[float, float]]:
    return [(float(size), seconds * 1000) for size, seconds in by_size.items()]


async def _costs(name: str, stores: list[Stored], effort: Effort) -> dict[int, float]:
    """Seconds for one request, by size."""
    requests = {stored.size: REQUESTS[name](stored) for stored in stores}
    found: dict[int, list[float]] = {size: [] for size in requests}
    for request in requests.values():
        await _seconds(request, 5)
    for _ in range(effort.reps * 4):
        for size, request in requests.items():
            found[size].append(await _seconds(request, effort.size(25, 10)))
    return {size: median(seconds) for size, seconds in found.items()}


async def _seconds(request: Request, times: int) -> float:
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await request()
        taken.append(time.perf_counter() - began)
    return median(taken)


# -- filling the stores ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def _stores(folder: Path, chroma_url: str, sizes: tuple[int, ...]) -> AsyncGenerator[list[Stored]]:
    vectors = ChromaVectors(chroma_url)
    stores: list[Stored] = []
    try:
        for size in sizes:
            documents = open_sqlite_documents(folder / f"{size}.sqlite3")
            collection = await vectors.open(f"size-{size}", model="bench", dimension=_DIMENSION)
            stores.append(Stored(size, documents, collection, np.random.default_rng(1)))
            await _fill(stores[-1])
        yield stores
    finally:
        for stored in stores:
            await stored.documents.close()
        await vectors.close()


async def _fill(stored: Stored) -> None:
    await ensure_indexes(stored.documents)
    size = range(stored.size)
    await store_submissions(stored.documents, stored.size)
    await write_all(stored.documents, MESSAGES, map(_message, size))
    for waiting in (
        Job(job_id="job_waiting", pipeline=BOOK_REVIEW, idempotency_key="waiting", subject_id="sub_0"),
        Job(
            job_id="job_heard",
            pipeline=CONVERSATION,
            idempotency_key="heard",
            subject_id=_session(0),
            queue=MAILBOX_QUEUE,
        ),
    ):
        await stored.documents.upsert(JOBS, to_document(waiting))
    passages = iter(size)
    while numbers := list(islice(passages, _AT_ONCE)):
        entries = [Entry(f"{number:032x}", f"passage {number}") for number in numbers]
        await stored.vectors.upsert(entries, [_vector(stored.chance) for _ in numbers])


def _session(message: int) -> str:
    """The session that a message belongs to."""
    return f"telegram:bench:{message // _SESSION}"


def _message(number: int) -> Document:
    said = Turn(
        message_id=f"message_{number}",
        session_id=_session(number),
        seq=number % _SESSION + 1,
        role="assistant" if number % 2 else "user",
        text="How long is the book, and who is it for?",
        job_id=f"job_{number}",
    )
    return {**turn_document(said), "created": moment(number)}


def _vector(chance: np.random.Generator) -> Vector:
    found = chance.standard_normal(_DIMENSION)
    return (found / np.linalg.norm(found)).tolist()
