"""What may be spent, and that nothing goes beyond it however many calls run side by side."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from spine.budget import Budget, Purse, Spend, estimated_tokens, paying_from, worst_case
from spine.errors import BudgetExceededError, ExternalServiceError
from spine.model_chain import noting_attempts, texts_of
from spine.ports import ModelChoice, ModelRequest
from spine.testing.scripted_models import ScriptedModels

GROQ = ModelChoice("groq", "some-model", max_tokens=100)
OPENAI = ModelChoice("openai", "some-model", max_tokens=100)


class City(BaseModel):
    city: str


def a_cent_a_token(provider: str, model_id: str, input_tokens: int, output_tokens: int) -> float | None:
    return (input_tokens + output_tokens) * 0.01


def unknown_price(provider: str, model_id: str, input_tokens: int, output_tokens: int) -> float | None:
    return None


def question(**more: Any) -> ModelRequest[City]:
    return ModelRequest(purpose="city", system="", prompt="Which city?", output_type=City, **more)


def worst_of_a_call() -> int:
    """Tokens that a call with `question` may take."""
    return worst_case(GROQ, texts_of(question()), unknown_price).tokens


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────

DECISIONS: dict[str, tuple[Budget, Spend, Spend, str | None]] = {
    "nothing is limited": (Budget(), Spend(10**9, 1e6), Spend(10**9, 1e6), None),
    "just enough tokens": (Budget(tokens=100), Spend(60), Spend(40), None),
    "one token short": (Budget(tokens=100), Spend(61), Spend(40), "40 tokens, and 39 of 100 are left"),
    "overspent before": (Budget(tokens=100), Spend(150), Spend(1), "0 of 100 are left"),
    "just enough money": (Budget(usd=0.3), Spend(0, 0.1), Spend(0, 0.2), None),
    "a cent short": (Budget(usd=0.3), Spend(0, 0.11), Spend(0, 0.2), "$0.2000, and $0.1900 of $0.3000 is left"),
    "an unknown price takes no money": (Budget(usd=0.3), Spend(0, 0.3), Spend(500, 0.0), None),
    "money that is gone buys nothing": (
        Budget(usd=0.3),
        Spend(0, 0.4),
        Spend(500, 0.0),
        "price is not known, and $0.0000",
    ),
    "an unknown price takes tokens": (Budget(tokens=400, usd=0.3), Spend(), Spend(500, 0.0), "500 tokens"),
    "both limits, money is the tighter one": (Budget(1000, 0.1), Spend(), Spend(500, 0.2), "may cost $0.2000"),
}


@pytest.mark.parametrize(("budget", "spent", "worst", "says"), DECISIONS.values(), ids=DECISIONS)
def test_a_call_is_made_only_when_its_worst_case_fits(
    budget: Budget, spent: Spend, worst: Spend, says: str | None
) -> None:
    short = budget.shortfall(spent, worst)
    assert (short is None) if says is None else (short is not None and says in short)


@pytest.mark.parametrize(
    ("text", "tokens_at_least"),
    [
        pytest.param("The tide clock buys an hour for every hour that it takes. " * 50, 13 * 50, id="English"),
        pytest.param("Годинник припливу купує годину за кожну годину. " * 50, 18 * 50, id="Ukrainian"),
        pytest.param("潮汐时钟用每一小时换来一小时。" * 50, 15 * 50, id="Chinese"),
        pytest.param("978-1-940021-31-7 " * 50, 17 * 50, id="numbers, each digit a token"),
    ],
)
def test_an_estimate_is_rather_too_high_than_too_low(text: str, tokens_at_least: int) -> None:
    assert tokens_at_least <= estimated_tokens([text]) <= 3 * tokens_at_least + 100


def test_the_worst_case_is_all_that_is_sent_and_the_longest_answer() -> None:
    sent = estimated_tokens(["abc" * 100])
    assert worst_case(GROQ, ["abc" * 100], a_cent_a_token) == Spend(sent + 100, pytest.approx((sent + 100) * 0.01))
    assert worst_case(GROQ, ["abc" * 100], unknown_price) == Spend(sent + 100, 0.0)


# ── spending ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_call_that_may_go_beyond_the_budget_is_not_made() -> None:
    models = ScriptedModels(lambda request, choice: City(city="Oslo"))
    with paying_from(Purse(Budget(tokens=50), unknown_price)), pytest.raises(BudgetExceededError, match="50 of 50"):
        await models.answer(question(), [GROQ, OPENAI])
    assert models.calls == []


async def test_what_was_spent_by_earlier_jobs_counts() -> None:
    models = ScriptedModels(lambda request, choice: City(city="Oslo"))
    purse = Purse(Budget(tokens=worst_of_a_call() + 10), unknown_price, Spend(tokens=11))
    with paying_from(purse), pytest.raises(BudgetExceededError):
        await models.answer(question(), [GROQ])


async def test_a_re_ask_and_a_fallback_are_calls_like_any_other_and_the_error_tells_what_came_before() -> None:
    """The budget bears one call at its worst and not a second one; two answers that were no use were paid for."""
    models = ScriptedModels(lambda request, choice: {"town": "Oslo"})
    purse = Purse(Budget(tokens=worst_of_a_call() + 3), unknown_price)
    with paying_from(purse), noting_attempts() as noted, pytest.raises(BudgetExceededError) as caught:
        await models.answer(question(), [GROQ, OPENAI])
    (attempt,) = caught.value.attempts
    assert len(models.calls) == 1 and attempt["calls"] == 1
    assert (attempt["outcome"], attempt["error_class"]) == ("failed", "BudgetExceededError")
    assert attempt["input_tokens"] + attempt["output_tokens"] == purse.spent.tokens > 3
    assert [one.record for one in noted] == caught.value.attempts


async def test_a_provider_that_fails_takes_nothing_from_the_budget() -> None:
    def script(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        return ExternalServiceError("away") if choice is GROQ else City(city="Oslo")

    purse = Purse(Budget(tokens=worst_of_a_call()), unknown_price)
    with paying_from(purse):
        reply = await ScriptedModels(script).answer(question(), [GROQ, OPENAI])
    assert reply.provider == "openai"
    assert purse.spent.tokens == reply.usage.input_tokens + reply.usage.output_tokens


async def test_the_answer_that_needs_no_model_needs_no_budget() -> None:
    with paying_from(Purse(Budget(tokens=1), unknown_price, Spend(tokens=1))):
        reply = await ScriptedModels().answer(
            question(extractive=lambda: City(city="Oslo")), [ModelChoice("extractive", "extractive")]
        )
    assert reply.output.city == "Oslo"


async def test_calls_side_by_side_wait_for_each_other_where_together_they_could_overspend() -> None:
    """Ten calls, each of which may take nearly all of the budget and takes little: all are made, one after another."""
    running = most = 0

    async def script(request: ModelRequest[Any], choice: ModelChoice) -> City:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return City(city="Oslo")

    models, purse = ScriptedModels(script), Purse(Budget(tokens=worst_of_a_call() + 40), unknown_price)
    with paying_from(purse):
        await asyncio.gather(*(models.answer(question(), [GROQ]) for _ in range(10)))
    assert (len(models.calls), most) == (10, 1)


async def test_a_cancelled_call_gives_back_what_it_held() -> None:
    begun = asyncio.Event()

    async def script(request: ModelRequest[Any], choice: ModelChoice) -> City:
        begun.set()
        await asyncio.sleep(60)
        return City(city="Oslo")

    purse = Purse(Budget(tokens=worst_of_a_call()), unknown_price)
    with paying_from(purse):
        stuck = asyncio.create_task(ScriptedModels(script).answer(question(), [GROQ]))
        await begun.wait()
        stuck.cancel()
        await asyncio.wait([stuck])
        await ScriptedModels(lambda request, choice: City(city="Oslo")).answer(question(), [GROQ])
    assert stuck.cancelled()


@given(
    budget=st.integers(0, 3000),
    calls=st.lists(st.tuples(st.integers(1, 400), st.integers(0, 2)), max_size=12),
)
def test_however_calls_meet_the_budget_is_never_exceeded(budget: int, calls: list[tuple[int, int]]) -> None:
    async def run() -> Spend:
        purse = Purse(Budget(tokens=budget), unknown_price)

        async def call(longest: int, rounds: int) -> None:
            choice = ModelChoice("groq", "some-model", max_tokens=longest)
            held = await purse.reserve(choice, [])
            for _ in range(rounds):
                await asyncio.sleep(0)
            purse.settle(held, held)  # the worst case comes true

        await asyncio.gather(*(call(*one) for one in calls), return_exceptions=True)
        return purse.spent

    assert asyncio.run(run()).tokens <= budget
