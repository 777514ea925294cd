"""The world outside of a stack under chaos, on loopback: a model, Telegram, a CRM, shops, and a place for marks.

Every server is a ledger: it keeps what it was asked for, and what was done twice is seen there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final, Self

from deployments.demo_site import pages
from spine.testing.loopback_api import ApiAnswer, ApiCall, LoopbackApi
from spine.testing.loopback_crm import LoopbackCrm
from spine.testing.loopback_server import ConnectionHandler, LoopbackServer
from spine.testing.loopback_telegram import LoopbackTelegram
from spine.testing.loopback_wordpress import LoopbackWordPress
from spine.testing.openai_server import Answer, Call, OpenAiServer, example, text, tool

BOT_TOKEN: Final = "123456:token-of-the-chaos-bot"
BOT_SECRET: Final = "secret-of-the-chaos-bot"
CRM_KEY: Final = "key-of-the-chaos-crm"
WORDPRESS_LOGIN: Final = ("chaos", "abcd efgh ijkl mnop")
WANTS_TO_BUY: Final = "I want to buy a ribbon for"

_BOOK = re.compile(r"The Tide Clock of Harbour (\d+)")
_BUYER = re.compile(rf"{WANTS_TO_BUY} (\S+@\S+)")
_ARTICLE = (
    "## The story\n\n"
    + "The keeper of the clock pays for every hour of the sea. " * 40
    + "\n\n## The book\n\n"
    + "Nell learns the trade and the town learns the price of its safety. " * 25
)


def book_title(book: int | str) -> str:
    return f"The Tide Clock of Harbour {book}"


def reply_to(message: str) -> str:
    """What the bot says to a message, so that a reply can be told from every other one."""
    return f"re: {message}"


class Shop(LoopbackServer):
    """The demo's pages once for each book: `/17/product.html` is the one of book 17."""

    def __init__(self) -> None:
        super().__init__(_ShopDoor)
        self._pages = pages()

    def page(self, path: str) -> bytes | None:
        book, _, name = path.strip("/").partition("/")
        found = self._pages.get(name)
        return found.replace(b"The Tide Clock", book_title(book).encode()) if found else None


class _ShopDoor(ConnectionHandler[Shop]):
    def do_GET(self) -> None:
        found = self.served.page(self.path)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")


class Marks(LoopbackApi):
    """Where modules of a graph say that they are done: `POST /<name>/<module>`."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        """How often code of each version was at work."""

    def answer(self, call: ApiCall) -> ApiAnswer:
        self.made[call.path.strip("/")] += 1
        self.versions[call.headers.get("X-Version", "")] += 1
        return ApiAnswer()

    def of(self, name: str) -> Counter[str]:
        """How often each module of this name was done."""
        with self.lock:
            return Counter({key: number for key, number in self.made.items() if key.startswith(f"{name}/")})


class Model(OpenAiServer):
    """Answers reviews with what fits, orders with a proposal, and messages with themselves."""

    def __init__(self, seconds: float = 0.3) -> None:
        super().__init__(self._answer)
        self.seconds = seconds
        self.asked: Counter[tuple[int, str]] = Counter()
        """By the number of a book and what was wanted of it."""

    def of_book(self, book: int) -> Counter[str]:
        return Counter({what: number for (of, what), number in list(self.asked.items()) if of == book})

    def _answer(self, call: Call) -> Answer:
        if "propose_order" in _tool_names(call):
            return self._converse(call)
        wanted = sorted((call.schema or {}).get("properties", {}))
        is_article = {"title", "content"} <= set(wanted)
        if found := _BOOK.search(json.dumps(call.body)):
            self.asked[int(found[1]), "article" if is_article else ",".join(wanted) or "text"] += 1
        if not is_article:
            return _slowly(example(call), self.seconds)
        title = found[0] if found else "The Tide Clock"
        return tool({"title": title, "content": _ARTICLE}, _tool_names(call)[0], delay=self.seconds)

    def _converse(self, call: Call) -> Answer:
        buyer = _BUYER.search(call.prompt)
        if buyer and call.body["messages"][-1]["role"] == "user":
            return tool(_proposal(buyer[1]), "propose_order", delay=self.seconds)
        return text(reply_to(call.prompt), delay=self.seconds)


class Outside:
    """All of them, for the time of a `with` block."""

    def __init__(self) -> None:
        self.model, self.telegram, self.shop, self.marks = Model(), LoopbackTelegram(), Shop(), Marks()
        self.crm, self.wordpress = LoopbackCrm(key=CRM_KEY), LoopbackWordPress(login=WORDPRESS_LOGIN)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.model, self.telegram, self.shop, self.marks, self.crm, self.wordpress):
            self._open.enter_context(server)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a stack has to be told to find everything here, and only here."""
        named = (self.shop, self.marks, self.crm, self.wordpress)
        return {
            "MILLRACE_ALLOW_PRIVATE_HOSTS": ",".join(server.url.removeprefix("http://") for server in named),
            "OPENAI_API_KEY": "sk-chaos",
            "OPENAI_BASE_URL": self.model.base_url,
            "OPENLIBRARY_URL": f"{self.shop.url}/openlibrary",
            "WIKIPEDIA_URL": f"{self.shop.url}/wikipedia",
            "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
            "TELEGRAM_WEBHOOK_SECRET": BOT_SECRET,
            "TELEGRAM_API_URL": self.telegram.url,
            "TELEGRAM_POLICY": json.dumps({"crm": "shop"}),
            "CHAOS_MARKS": self.marks.url,
        }

    def posts_of(self, book: int) -> int:
        return len(self.wordpress.titled(book_title(book)))

    def orders_of(self, contact: str) -> int:
        with self.crm.lock:
            return sum(contact in json.dumps(order) for order in self.crm.orders)


def _tool_names(call: Call) -> list[str]:
    offered: list[dict[str, Any]] = call.body.get("tools") or []
    return [str(one["function"]["name"]) for one in offered]


def _slowly(answer: Answer, seconds: float) -> Answer:
    return replace(answer, delay=seconds)


def _proposal(contact: str) -> dict[str, Any]:
    return {
        "items": [{"sku": "R-1", "name": "Red ribbon", "quantity": 2, "unit_price": "12.50"}],
        "currency": "EUR",
        "total": "25.00",
        "customer_name": "Ana Pop",
        "customer_contact": contact,
    }
