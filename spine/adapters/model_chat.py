"""Answers in conversations from language models, along a provider chain; keys stand in no answer, attempt or log."""

from __future__ import annotations

from collections.abc import Sequence

from spine.adapters.model_chat_turn import ConversationTurn
from spine.adapters.model_wire import ModelWire
from spine.adapters.models import credential_for
from spine.chat_chain import Said, walk_chat
from spine.chat_port import ChatReply, ChatRequest
from spine.errors import MillraceError
from spine.model_chain import Attempt
from spine.ports import ModelChoice
from spine.provider_keys import CredentialLookup, environment_credential


class PydanticAiChats:
    """Implements `spine.chat_port.Chats` on the connections of `wire`, which whoever made them closes.

    `longest_wait` (seconds) is how long a `Retry-After` may be for the same provider to be asked again: a person waits
    for the answer, so it is short.
    """

    def __init__(
        self, wire: ModelWire, credentials: CredentialLookup = environment_credential, *, longest_wait: float = 5.0
    ) -> None:
        self._wire = wire
        self._credentials = credentials
        self._longest_wait = longest_wait

    async def reply(self, request: ChatRequest, chain: Sequence[ModelChoice]) -> ChatReply:
        return await walk_chat(request, chain, self._ask)

    async def _ask(self, request: ChatRequest, attempt: Attempt[Said]) -> Said | MillraceError:
        credential = credential_for(attempt.choice, self._credentials)
        if isinstance(credential, MillraceError):
            return credential
        return await ConversationTurn(request, attempt, credential, self._wire, self._longest_wait).take()
