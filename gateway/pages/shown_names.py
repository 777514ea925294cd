"""Names of states and kinds that pages show with `words` and no script needs: for the catalogues."""

from __future__ import annotations

from typing import Final, get_args

from gateway.pages.views import words
from spine.contracts.cards import CardStatus
from spine.contracts.conversations import Delivery, Followup, FollowupStatus, OrderStatus, TaskName, Turn
from spine.contracts.graphs import ModuleStatus
from spine.contracts.personas import COLLECTIONS, CollectionStatus, PersonaStatus

_SHOWN = (
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
