"""What a submission may spend on models, decided before each call is made.

Everything is pure but `Purse`, the account of one running review.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from spine.errors import BudgetExceededError
from spine.ports import ModelChoice

PriceOf = Callable[[str, str, int, int], float | None]
"""(provider, model id, input tokens, output tokens) → US dollars; None when the price is not known."""

_BYTES_PER_TOKEN = 3  # of words: tokenizers take about 4 in English and seldom fewer than 3 in any script
_SIGN = re.compile(r"[0-9!-/:-@\[-`{-~]")  # each may be a token by itself
_FRAMING_TOKENS = 60  # roles, the tool's name, how to answer
_ROUNDING_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Spend:
    """Tokens, and US dollars as far as prices are known."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: Spend) -> Spend:
        return Spend(self.tokens - other.tokens, self.usd - other.usd)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent in all; None sets no limit."""

    tokens: int | None = None
    usd: float | None = None

    @property
    def is_unlimited(self) -> bool:
        return self.tokens is None and self.usd is None

    def shortfall(self, spent: Spend, worst: Spend) -> str | None:
        """Why a call that may take `worst` cannot be made after `spent`; None when it can."""
        if self.tokens is not None and spent.tokens + worst.tokens > self.tokens:
            left = max(0, self.tokens - spent.tokens)
            return f"it may take {worst.tokens:,} tokens, and {left:,} of {self.tokens:,} are left"
        if self.usd is not None and spent.usd + worst.usd > self.usd + _ROUNDING_USD:
            left_usd = max(0.0, self.usd - spent.usd)
            price = f"it may cost ${worst.usd:.4f}" if worst.usd else "its price is not known"
            return f"{price}, and ${left_usd:.4f} of ${self.usd:.4f} is left"
        return None


def estimated_tokens(texts: Sequence[str]) -> int:
    """Hardly ever fewer tokens than the texts will be counted as; for prose about half as many again."""
    words, signs = _SIGN.subn("", "".join(texts))
    return _FRAMING_TOKENS + signs + math.ceil(len(words.encode(errors="replace")) / _BYTES_PER_TOKEN)


def worst_case(choice: ModelChoice, texts: Sequence[str], price: PriceOf) -> Spend:
    """The most that one call may take: everything it sends, and an answer as long as it may be.

    A price that is not known adds nothing, so there only tokens are limited.
    """
    sent = estimated_tokens(texts)
    usd = price(choice.provider, choice.model_id, sent, choice.max_tokens)
    return Spend(sent + choice.max_tokens, usd or 0.0)


@dataclass
class Purse:
    """A submission's budget while its review runs; `spent` begins with what its earlier jobs spent.

    Lives as long as the review, in one process and one event loop: a submission has one running job. Calls that run
    side by side hold what they may take until they are settled, so that together they cannot take more than is left.
    """

    budget: Budget
    price: PriceOf
    spent: Spend = Spend()
    _held: Spend = Spend()
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, choice: ModelChoice, texts: Sequence[str]) -> Spend:
        """Hold what the call may take; give it back to `settle`. Waits while others hold what would be enough.

        Raises `BudgetExceededError` when the call could take more than is left.
        """
        if self.budget.is_unlimited:
            return Spend()
        worst = worst_case(choice, texts, self.price)
        while self.budget.shortfall(self.spent + self._held, worst):
            if short := self.budget.shortfall(self.spent, worst):
                raise _exceeded(choice, short, self.spent)
            await self._settled.wait()
        self._held += worst
        return worst

    def settle(self, held: Spend, used: Spend) -> None:
        """The call has ended and took `used`."""
        self._held -= held
        self.spent += used
        self._settled.set()  # wakes those who wait now; later ones wait for the next call to end
        self._settled = asyncio.Event()


_purse: ContextVar[Purse | None] = ContextVar("millrace_purse", default=None)


def current_purse() -> Purse | None:
    """The purse of the surrounding block; None where nothing limits spending."""
    return _purse.get()


@contextmanager
def paying_from(purse: Purse) -> Generator[Purse]:
    """Every model call inside the block is paid for from this purse."""
    token = _purse.set(purse)
    try:
        yield purse
    finally:
        _purse.reset(token)


def _exceeded(choice: ModelChoice, short: str, spent: Spend) -> BudgetExceededError:
    return BudgetExceededError(
        f"The next call to {choice.provider}/{choice.model_id} was not made: {short} in this submission's budget. "
        "Raise the pipeline's budget_tokens or budget_usd, then retry; what is finished is kept.",
        spent_tokens=spent.tokens,
        spent_usd=round(spent.usd, 6),
    )
