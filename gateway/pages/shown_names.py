"""Names of states and kinds that pages show with `words` and no script needs: for the catalogues."""

from __future__ import annotations

from typing import Final

from gateway.pages.views import words
from spine.contracts.personas import COLLECTIONS, CollectionStatus, PersonaStatus

SHOWN_NAMES: Final = tuple(
    dict.fromkeys(words(str(name)) for names in (PersonaStatus, CollectionStatus, COLLECTIONS) for name in names)
)
