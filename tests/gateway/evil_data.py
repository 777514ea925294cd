"""Data that wants to be markup, and an eye for the places where it has become some."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import Card, CardStatus, Check
from spine.contracts.conversations import Followup, Order, OrderItem, OrderProposal, Session, Turn
from spine.contracts.jobs import JobError, Usage
from spine.contracts.personas import CollectionStatus, CollectionView, LeftOut, Persona
from spine.contracts.retrieval import SearchHit
from spine.contracts.timestamps import utc_now
from spine.conversations import followup_document, order_document, session_document, turn_document
from spine.documents import CONVERSATIONS, FOLLOWUPS, MESSAGES, ORDERS, PERSONAS
from spine.personas import persona_document
from spine.presence import LaneStatus
from tests.gateway.furnishing import add_graph_job, declared
from tests.gateway.gateway_desk import Desk, open_desk

EVIL = """<script>alert(1)</script><img src=x onerror=alert(1)>"'--></textarea>"""


def evil_elements(html: str) -> list[str]:
    """Elements and attributes that only a slip in escaping can have made."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                ours = name not in ("src", "href") or (value or "").startswith(("/", "#", "https://"))
                if name.startswith("on") or not ours:
                    found.append(f"{tag} {name}={value}")
            if tag in ("script", "img") and not (dict(attrs).get("src") or "").startswith("/static/"):
                found.append(tag)

    Reader().feed(html)
    return found


async def evil_passages(search: object) -> list[SearchHit]:
    return [SearchHit(id=EVIL, text=EVIL, score=0.5, collection=EVIL, work=EVIL, section=EVIL, start=0, end=9)]


async def add_evil_personas(desk: Desk) -> list[str]:
    """The paths of the pages that show them."""
    place = LeftOut(file=EVIL, line=1, part=EVIL, reason=EVIL)
    view = CollectionView(status=CollectionStatus.FAILED, error=EVIL, job_id=EVIL, left_out=[place], left_out_total=1)
    persona = Persona(persona_id="evil", collections={"works": view}, embedding_model=EVIL, job_id=EVIL)
    await desk.documents.insert(PERSONAS, persona_document(persona))
    return ["/personas", "/persona/evil", f"/persona/evil?q={quote(EVIL)}", f"/personas?status={quote(EVIL)}"]


async def add_evil_conversations(desk: Desk) -> list[str]:
    session = Session(session_id=EVIL, platform="api", user_name=EVIL, chat_id=EVIL, summary=EVIL, language=EVIL)
    await desk.documents.insert(CONVERSATIONS, session_document(session))
    turn = Turn(message_id=EVIL, session_id=EVIL, seq=1, role="user", text=EVIL, job_id=EVIL)
    await desk.documents.insert(MESSAGES, turn_document(turn))
    followup = Followup(
        followup_id=EVIL, session_id=EVIL, number=1, reason="open_question", due=utc_now(), text=EVIL, job_id=EVIL
    )
    await desk.documents.insert(FOLLOWUPS, followup_document(followup))
    item = OrderItem(sku=EVIL, name=EVIL, quantity=1, unit_price=EVIL)
    proposal = OrderProposal(
        items=[item], currency="EUR", total=EVIL, customer_name=EVIL, customer_contact=EVIL, note=EVIL
    )
    order = Order(order_id=EVIL, session_id=EVIL, proposal=proposal, crm=EVIL, crm_order_id=EVIL, error=EVIL)
    await desk.documents.insert(ORDERS, order_document(order))
    await desk.context.ledger.create("conversation", EVIL, params={"task": EVIL})
    return ["/conversations", f"/conversation/{quote(EVIL, safe='')}"]


async def add_evil_dead_letters(desk: Desk) -> list[str]:
    job, _ = await desk.context.ledger.create(EVIL, EVIL, queue=EVIL)
    begun = await desk.context.ledger.begin(job.job_id, EVIL)
    assert begun is not None
    await desk.context.ledger.fail(begun, JobError(error_class=EVIL, message=EVIL, step=EVIL), Usage())
    await desk.presence.announce(LaneStatus(name=EVIL, worker=EVIL, queues={EVIL: 1}))
    await desk.context.ledger.create("conversation", EVIL, queue=EVIL)
    return ["/queues", "/jobs", "/workers", f"/run/{job.job_id}"]


async def add_evil_cards(desk: Desk) -> list[str]:
    cards, ledger = CardDesk(desk.documents, desk.context.ledger), desk.context.ledger
    card = Card(
        card_id="evil",
        title=EVIL,
        description=EVIL,
        squad=EVIL,
        acceptance=[EVIL],
        labels=[EVIL],
        checks=[Check(argv=[EVIL])],
        required_files=[EVIL],
    )
    await cards.load([card])
    job = await ledger.begin((await cards.run("evil")).job_id, EVIL)
    assert job is not None
    await CardRuns(desk.documents).begin(job)
    await CardRuns(desk.documents).write(job, agent=EVIL, agent_reason=EVIL, workdir=EVIL, last_lines=[EVIL])
    await cards.note(job, CardStatus.FAILED, EVIL)
    await desk.tell(job.job_id, 5, type="log", message=f"\x1b[31m{EVIL}\x1b[0m{EVIL}", stream=EVIL, current_step=EVIL)
    await ledger.fail(job, JobError(error_class=EVIL, message=EVIL, step=EVIL), Usage())
    return ["/cards", f"/cards?status=FAILED&squad={quote(EVIL)}", "/card/evil"]


async def add_evil_graphs(desk: Desk) -> list[str]:
    return ["/graphs", *await add_graph_job(desk, EVIL)]


async def open_evil_desk() -> Desk:
    return await open_desk(search_passages=evil_passages, graphs=declared(EVIL, EVIL))
