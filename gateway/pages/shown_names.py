"""Names of states and kinds that pages show with `words` and no script needs: for the catalogues."""

from __future__ import annotations

from typing import Final, get_args

from gateway.pages.views import words
from spine.cards import CARD_EXECUTION
from spine.contracts.books import BookMetadata
from spine.contracts.cards import CardStatus
from spine.contracts.conversations import Delivery, Followup, FollowupStatus, OrderStatus, TaskName, Turn
from spine.contracts.graphs import ModuleStatus
from spine.contracts.personas import COLLECTIONS, CollectionStatus, PersonaStatus
from spine.graphs import MODULE_GRAPH
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION
from spine.submissions import BOOK_REVIEW

PIPELINES: Final = (
    BOOK_REVIEW,
    PERSONA_INGESTION,
    INGEST_COLLECTION,
    "conversation",
    CARD_EXECUTION,
    MODULE_GRAPH,
    "submission_batch",
    "maintenance",
)
"""What jobs are of."""

STEPS: Final = ("prepare", "agent", "verify", "waiting", "embedding", "works", "working", "done", "started")
"""Steps of runs that have no stages of their own."""

STATES: Final = ("healthy", "degraded", "unhealthy", "disabled", "alive", "draining", "active", "ended", "online")
"""Of parts, lanes, workers, versions and tokens."""

CLAIMS: Final = ("number", "date", "name", "isbn")

_SHOWN = (
    PIPELINES,
    STEPS,
    CLAIMS,
    STATES,
    BookMetadata.model_fields,
    CardStatus,
    ModuleStatus,
    PersonaStatus,
    CollectionStatus,
    COLLECTIONS,
    get_args(Turn.model_fields["role"].annotation),
    get_args(Followup.model_fields["reason"].annotation),
    Delivery,
    FollowupStatus,
    OrderStatus,
    TaskName,
)

SHOWN_NAMES: Final = tuple(dict.fromkeys(words(str(name)) for names in _SHOWN for name in names))
