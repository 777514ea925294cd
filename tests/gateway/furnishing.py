"""Something of everything that the pages show: what a stack looks like after a working day."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from gateway.context import PassageSearch
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import Card, CardStatus, Check
from spine.contracts.conversations import (
    Delivery,
    Followup,
    FollowupStatus,
    InboundMessage,
    Order,
    OrderItem,
    OrderProposal,
    Session,
    Turn,
)
from spine.contracts.graphs import (
    Edge,
    Graph,
    GraphSubmission,
    GraphSummary,
    ModuleRules,
    ModuleState,
    ModuleStatus,
)
from spine.contracts.jobs import JobError, Usage
from spine.contracts.personas import (
    CollectionName,
    CollectionStatus,
    CollectionView,
    IngestRequest,
    LeftOut,
    Persona,
    PersonaStatus,
)
from spine.contracts.retrieval import SearchHit
from spine.contracts.timestamps import utc_now
from spine.conversations import (
    ConversationDesk,
    followup_document,
    order_document,
    session_document,
    turn_document,
)
from spine.documents import CONVERSATIONS, FOLLOWUPS, GRAPH_JOBS, MESSAGES, ORDERS, PERSONAS
from spine.errors import NotFoundError
from spine.graphs import GraphDesk, run_document
from spine.personas import PersonaDesk, persona_document
from tests.gateway.gateway_desk import Desk

HITS = [
    SearchHit(
        id="1",
        text="Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume",
        score=0.912,
        collection="works",
        work="poems/the-raven",
        section="The Raven › I",
        start=0,
        end=103,
    ),
    SearchHit(id="2", text="Words have no power to impress the mind.", score=0.441, collection="quotes"),
]


async def found_passages(search: PassageSearch) -> list[SearchHit]:
    return HITS


async def add_personas(desk: Desk) -> list[str]:
    """One that is being ingested, one that is ready with places left out, one that failed; the paths of their pages."""
    await PersonaDesk(desk.documents, desk.context.ledger).accept("eminescu", IngestRequest())
    begun = utc_now() - timedelta(minutes=4)
    ended = begun + timedelta(seconds=93)
    works = CollectionView(
        status=CollectionStatus.COMPLETED,
        progress=100,
        total_vectors=4_211,
        job_id="job_works",
        left_out=[LeftOut(file="works/tales.pdf", part="page 12", reason="The page has no text, only a picture.")],
        left_out_total=3,
        started=begun,
        finished=ended,
    )
    quotes = CollectionView(
        status=CollectionStatus.FAILED,
        progress=40,
        total_vectors=112,
        job_id="job_quotes",
        error="quotes/quotes.csv has no column for the text: name one `text` or `quote`.",
        started=begun,
        finished=ended,
    )
    done = works.model_copy(update={"left_out": [], "left_out_total": 0})
    views: dict[CollectionName, CollectionView] = {"works": works, "quotes": quotes, "profile": CollectionView()}
    poe = Persona(persona_id="poe", status=PersonaStatus.FAILED, collections=views, embedding_model="minilm-int8")
    woolf = Persona(
        persona_id="woolf",
        status=PersonaStatus.ACTIVE,
        collections={"works": done, "quotes": done, "profile": done},
    )
    for persona in (poe, woolf):
        await desk.documents.insert(PERSONAS, persona_document(persona))
    return ["/persona/eminescu", "/persona/poe", "/persona/woolf", "/persona/poe?q=raven"]


SESSION = "telegram:shop/front:77"
PROPOSAL = OrderProposal(
    items=[OrderItem(sku="BK-12", name="The Salt Road", quantity=2, unit_price="12.50")],
    currency="EUR",
    total="25.00",
    customer_name="Ana Pop",
    customer_contact="ana@example.org",
    note="As a gift, please.",
)
Said = tuple[Literal["user", "assistant", "followup"], str, Delivery | None]


def turns(session_id: str) -> list[Turn]:
    """A person asks, we answer, one answer may not have arrived, and then we ask again."""
    told: list[Said] = [
        ("user", "Do you have The Salt Road?", None),
        ("assistant", "Yes, two copies at 12.50 EUR. Shall I put them aside?", Delivery.SENT),
        ("user", "Both, please.\nAs a gift.", None),
        ("assistant", "That is 25.00 EUR in all. Please confirm.", Delivery.AMBIGUOUS),
        ("followup", "Your order waits for you.", Delivery.SENT),
    ]
    return [
        Turn(
            message_id=f"{session_id}:{number}",
            session_id=session_id,
            seq=number,
            role=role,
            text=text,
            delivery=delivery,
            job_id=f"job_{number}" if delivery else "",
            archived=number < 3,
        )
        for number, (role, text, delivery) in enumerate(told, start=1)
    ]


async def add_conversation(desk: Desk, session_id: str = SESSION) -> list[str]:
    """One with an order, a follow-up and an answer that may not have arrived; the path of its page."""
    said = turns(session_id)
    session = Session(
        session_id=session_id,
        platform="telegram",
        user_name="Ana Pop",
        language="ro",
        persona_id="poe",
        summary="Ana asked for The Salt Road; two copies are there.",
        summary_until=2,
        turns=len(said),
        open_question=True,
        pending_order_id="ord_1",
        last_user_at=utc_now() - timedelta(hours=2),
    )
    await desk.documents.insert(CONVERSATIONS, session_document(session))
    for turn in said:
        await desk.documents.insert(MESSAGES, turn_document(turn))
    order = Order(order_id="ord_1", session_id=session_id, proposal=PROPOSAL, crm="shop", error="The CRM was away.")
    await desk.documents.insert(ORDERS, order_document(order))
    followup = Followup(
        followup_id="flw_1",
        session_id=session_id,
        number=1,
        reason="unconfirmed_order",
        due=utc_now(),
        status=FollowupStatus.SENT,
        text="Your order waits for you.",
        job_id="job_5",
    )
    await desk.documents.insert(FOLLOWUPS, followup_document(followup))
    message = InboundMessage(session_id=session_id, platform="telegram", chat_id="77", text="Hello?")
    await ConversationDesk(desk.documents, desk.context.ledger).receive(message)
    return [f"/conversation/{quote(session_id, safe='')}"]


CARDS_LOADED = [
    Card(
        card_id="API-12",
        title="Answer with problem documents",
        description="Errors of the API follow RFC 9457.\nThe codes stay as they are.",
        squad="web",
        priority=8,
        acceptance=["Every 4xx has a code"],
        labels=["api"],
        checks=[Check(argv=["make", "test"])],
        required_files=["docs/errors.md"],
    ),
    Card(card_id="API-13", title="Document the codes", squad="web", depends_on=["API-12"]),
    Card(card_id="OPS-1", title="Rotate the logs", squad="operations"),
    Card(card_id="OPS-2", title="Measure the cold start", squad="operations", priority=3),
]


async def add_cards(desk: Desk) -> list[str]:
    """One that runs, one that needs it, one that failed, one that waits; the paths of their pages."""
    cards, ledger = CardDesk(desk.documents, desk.context.ledger), desk.context.ledger
    await cards.load(CARDS_LOADED)
    job = await ledger.begin((await cards.run("API-12")).job_id, "lane-1")
    assert job is not None
    await CardRuns(desk.documents).begin(job)
    await CardRuns(desk.documents).write(job, agent="codex", agent_reason="the squad is web", workdir="cards/API-12")
    await cards.note(job, CardStatus.IN_PROGRESS)
    await ledger.progress(job, 35, "agent")
    for line in (
        "\x1b[1;32m✓\x1b[0m read the issue",
        "running \x1b[36mmake test\x1b[0m",
        "3 passed, \x1b[31m1 failed\x1b[0m",
    ):
        await desk.tell(job.job_id, 35, type="log", message=line, stream="stdout", current_step="agent")
    failed = await ledger.begin((await cards.run("OPS-1")).job_id, "lane-1")
    assert failed is not None
    await CardRuns(desk.documents).begin(failed)
    await CardRuns(desk.documents).write(failed, agent="codex", last_lines=["reading", "giving up"])
    message = "The agent ended with exit code 1."
    await cards.note(failed, CardStatus.FAILED, message)
    await ledger.fail(failed, JobError(error_class="AgentFailedError", message=message, step="agent"), Usage())
    return [f"/card/{card.card_id}" for card in CARDS_LOADED]


class OneGraph:
    """A shelf with one declared graph and one that is wrong."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def listed(self) -> list[GraphSummary]:
        graph = self._graph
        good = GraphSummary(name=graph.name, description=graph.description, modules=list(graph.modules))
        return [good, GraphSummary(name="broken", error=f"{graph.description}: modules: a → b → a is a cycle")]

    def get(self, name: str) -> Graph:
        if name != self._graph.name:
            raise NotFoundError(f"There is no graph {name!r}.")
        return self._graph


def declared(description: str = "Answers a question", when: str = "answerable == true") -> OneGraph:
    modules = {
        "validate": ModuleRules(to=[Edge(to="history", when=when), Edge(to="facts")]),
        "history": ModuleRules(to=[Edge(to="answer")]),
        "facts": ModuleRules(to=[Edge(to="answer")]),
        "answer": ModuleRules(to=[Edge(to="validate", max_rounds=2)]),
    }
    return OneGraph(Graph(name="question", description=description, start=["validate"], modules=modules))


async def add_graph_job(desk: Desk, message: str = "The model gave no answer.") -> list[str]:
    """One that has done a module, runs the next and failed in a third; the paths of its pages."""
    graphs = GraphDesk(desk.documents, desk.context.ledger, desk.context.graphs)
    run, job = await graphs.submit("question", GraphSubmission())
    await desk.context.ledger.begin(job.job_id, "lane-1")
    begun = utc_now() - timedelta(seconds=4)
    error = JobError(error_class="ModelError", message=message)
    states = {
        "validate": ModuleState(status=ModuleStatus.DONE, started=begun, finished=begun + timedelta(seconds=2)),
        "history": ModuleState(status=ModuleStatus.RUNNING, started=begun + timedelta(seconds=2)),
        "facts": ModuleState(status=ModuleStatus.FAILED, error=error),
    }
    await desk.documents.upsert(GRAPH_JOBS, run_document(run.model_copy(update={"modules": states})))
    return ["/graph/question", f"/graph/question?job={job.job_id}"]
