"""Looks at every variable of a stack before it is started, also at those that only one of its parts reads, or only
later: what cannot be used is refused at once, not by a lane's log or by the first batch."""

from __future__ import annotations

import os

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from deployments.document_store import DocumentSettings
from deployments.queue_widths import with_widths
from deployments.unusable_setting import unusable_setting
from spine.accounts import policy_from
from spine.batches import batch_width
from tasks.maintenance.policy import CleanupPolicy

_POLICIES = ("MILLRACE_CONVERSATION_POLICY", "TELEGRAM_POLICY", "MANYCHAT_POLICY")


def require_usable() -> None:
    """`InvalidInputError` or `NotConfiguredError` naming the first variable that a part could not use."""
    _read(DocumentSettings, "MILLRACE_")
    _read(CleanupPolicy, "MILLRACE_KEEP_")
    batch_width()
    with_widths({}, os.environ.get("MILLRACE_QUEUE_WIDTHS", ""))
    for variable in _POLICIES:
        policy_from(os.environ.get(variable, ""), variable)


def _read(settings: type[BaseSettings], prefix: str) -> None:
    try:
        settings()
    except ValidationError as error:
        raise unusable_setting(error, prefix) from error
