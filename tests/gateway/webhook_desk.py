"""Accounts with secrets, signed requests and saved payloads, for tests of the webhooks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from spine.contracts.accounts import CrmConnection, ManyChatPage, TelegramAccount, WebhookRule, WebhookSourceAccount
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.documents import JOBS
from spine.jobs import from_document
from spine.standard_webhooks import signed_headers
from tests.gateway.gateway_desk import Desk

OLD, NEW = "whsec_b2xkIHNlY3JldA==", "whsec_bmV3IHNlY3JldA=="
TELEGRAM = {"X-Telegram-Bot-Api-Secret-Token": "telegram-secret"}
MANYCHAT = {"X-Millrace-Secret": "manychat-secret"}
RULES = [WebhookRule(event="book.*", pipeline="book_review", params={"amazon_url": "{{ data.url }}"})]


@dataclass
class KnownAccounts:
    """`spine.accounts.Accounts` with one of each, and one of each that lacks what it needs."""

    manychat_account: ManyChatPage = field(
        default_factory=lambda: ManyChatPage(api_key=SecretStr("k"), webhook_secret=SecretStr("manychat-secret"))
    )

    def telegram(self, name: str) -> TelegramAccount | None:
        bots = {"shop": TelegramAccount(webhook_secret=SecretStr("telegram-secret")), "bare": TelegramAccount()}
        return bots.get(name)

    def manychat(self, name: str) -> ManyChatPage | None:
        return {"page": self.manychat_account, "bare": ManyChatPage()}.get(name)

    def crm(self, name: str) -> CrmConnection | None:
        return None

    def source(self, name: str) -> WebhookSourceAccount | None:
        secrets = [SecretStr(OLD), SecretStr(NEW)]
        sources = {"shop": WebhookSourceAccount(secrets=secrets, mappings=RULES), "bare": WebhookSourceAccount()}
        return sources.get(name)


def signed(payload: Any, message_id: str = "msg_1", secret: str = NEW) -> dict[str, Any]:
    body = json.dumps(payload).encode()
    headers = signed_headers([secret], message_id, utc_now(), body)
    return {"content": body, "headers": {"Content-Type": "application/json", **headers}}


async def jobs_of(desk: Desk) -> list[Job]:
    return [from_document(document) for document in await desk.documents.find(JOBS, sort=[("created", 1)])]


def saved_payloads(folder: Path) -> list[tuple[str, Any]]:
    """`(what it is, payload)` of every saved one."""
    return [
        (kind, json.loads(path.read_text()))
        for kind, pattern in (
            ("telegram", "telegram/updates/*.json"),
            ("telegram_message", "telegram/messages/*.json"),
            ("manychat", "manychat/*.json"),
            ("crm", "crm/*.json"),
        )
        for path in sorted(folder.glob(pattern))
    ]


async def post(caller: httpx.AsyncClient, kind: str, payload: Any, number: int) -> httpx.Response:
    """Deliver a payload where its kind belongs, with a valid secret or signature."""
    body = {"update_id": number, "message": payload} if kind == "telegram_message" else payload
    if kind == "crm":
        return await caller.post("/webhooks/shop", **signed(body, f"msg_{number}"))
    address, headers = ("manychat/page", MANYCHAT) if kind == "manychat" else ("telegram/shop", TELEGRAM)
    content = json.dumps(body).encode()
    return await caller.post(
        f"/webhooks/{address}", content=content, headers={**headers, "Content-Type": "application/json"}
    )
