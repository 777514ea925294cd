"""A mixed load from all five pipelines, and what is seen of it from outside afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.outside import WANTS_TO_BUY, reply_to
from tests.chaos.plan import LOAD_SECONDS, Round
from tests.chaos.target import STEPS, Target, until
from tests.chaos.verdict import FINAL, Seen, out_of_order, repeated

PASSAGES = 40
"""Of each persona's quotes."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of everything a round gives."""

    chats: int = 6
    messages: int = 4
    orders: int = 2
    reviews: int = 2
    personas: int = 1
    cards: int = 2
    graphs: int = 6


@dataclass(frozen=True, slots=True)
class Work:
    """Work that was acked."""

    kind: str
    name: str
    job_id: str
    subject: str = ""
    text: str = ""
    poison: bool = False
    publishes: bool = False


@dataclass
class Load:
    """One round's work. `forgets` and `gentle` as in the plan: finished stages may be done again, no attempt may."""

    target: Target
    number: int
    mix: Mix
    forgets: bool = False
    gentle: bool = False
    work: list[Work] = field(default_factory=list[Work])
    written: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    usual_calls: Counter[str] = field(default_factory=Counter[str])
    """Of the model, for a review that nothing disturbed."""

    async def give(self, round: Round, seconds: float = LOAD_SECONDS) -> None:
        """All of it, spread over the time."""
        random = Random(f"load:{round.number}")
        mix, base = self.mix, self.number * 1000
        given: list[Coroutine[Any, Any, None]] = []
        given += [self._chat(base + place, mix.messages, seconds) for place in range(mix.chats)]
        given += [self._order(base + 500 + place) for place in range(mix.orders)]
        given += [self._at(random.uniform(0, seconds / 3), self.review(base + place)) for place in range(mix.reviews)]
        given += [self._at(random.uniform(0, seconds / 3), self._ingest(base + place)) for place in range(mix.personas)]
        given += [self._at(random.uniform(0, seconds), self._card(base + place)) for place in range(mix.cards)]
        given += [self._at(random.uniform(0, seconds), self._graph(base + place)) for place in range(mix.graphs)]
        async with asyncio.TaskGroup() as group:  # one that is refused ends the others
            for work in given:
                group.create_task(work)

    async def poisoned(self, graph: str) -> str:
        """Work that always kills the process that does it; the id of its job."""
        name = f"poison-{self.number}"
        made = await self._post(f"/api/graphs/{graph}/jobs", {"input": {"mark": name}}, name)
        self.work.append(Work("graph", name, made["job_id"], poison=True))
        return made["job_id"]

    # -- the five pipelines --------------------------------------------------------------------------------

    async def review(self, book: int) -> str:
        shop = f"{self.target.outside.shop.url}/{book}"
        body = {"amazon_url": f"{shop}/product.html", "other_links": [f"{shop}/review.html"], "auto_publish": True}
        made = await self._post("/submit", body, f"review-{book}")
        self.work.append(Work("review", str(book), made["job_id"], made["submission_id"], publishes=True))
        return made["job_id"]

    async def adopt(self, book: int, job_id: str) -> None:
        """A review that was started in another way than over HTTP."""
        job = await self.target.get(f"/api/jobs/{job_id}") or {}
        self.work.append(Work("review", str(book), job_id, job.get("subject_id", "")))

    async def _ingest(self, number: int) -> None:
        name = f"persona{number}"
        self.target.add_persona(name, PASSAGES)
        made = await self._post(f"/api/personas/{name}/ingest", {"collections": ["quotes"]}, name)
        self.work.append(Work("ingestion", name, made["job_id"]))

    async def _chat(self, chat: int, messages: int, seconds: float) -> None:
        """A person who writes the next message whether or not the one before was answered."""
        for number in range(messages):
            await self._say(chat, number, f"message {number} of chat {chat}")
            await asyncio.sleep(seconds / messages)

    async def _order(self, chat: int) -> None:
        """A person who orders, waits for the question, and says yes."""
        contact = f"buyer-{chat}@example.com"
        asked = await self._say(chat, 0, f"{WANTS_TO_BUY} {contact}")
        if not await until(lambda: self._has_the_question(chat, asked), self.target.patience):
            return
        if not self.target.outside.telegram.texts(chat):
            return  # the question is one of the sends in doubt: nobody confirms what he was not asked
        made = await self.target.telegram(chat * 100 + 1, chat, "yes")
        self.work.append(Work("order", contact, made["job_id"], str(chat)))

    async def _has_the_question(self, chat: int, job_id: str) -> bool:
        if self.target.outside.telegram.texts(chat):
            return True
        job = await self.target.get(f"/api/jobs/{job_id}")
        return job is None or job["status"] in FINAL

    async def _say(self, chat: int, number: int, words: str) -> str:
        made = await self.target.telegram(chat * 100 + number, chat, words)
        self.written.setdefault(chat, []).append(words)
        self.work.append(Work("message", f"{chat}/{number}", made["job_id"], str(chat), words))
        return made["job_id"]

    async def _card(self, number: int) -> None:
        name = f"CHAOS-{number}"
        card = {"card_id": name, "title": f"Write {name}", "required_files": [f"docs/{name}.md"]}
        made = await self._post(f"/api/cards/{name}/run", {"card": card}, name)
        self.work.append(Work("card", name, made["job_id"]))

    async def _graph(self, number: int) -> None:
        name = f"line-{number}"
        made = await self._post("/api/graphs/line/jobs", {"input": {"mark": name}}, name)
        self.work.append(Work("graph", name, made["job_id"]))

    async def _post(self, path: str, body: Any, key: str) -> dict[str, Any]:
        return await self.target.post(path, body, {"Idempotency-Key": f"chaos-{key}"})

    async def _at(self, seconds: float, then: Awaitable[Any]) -> None:
        await asyncio.sleep(seconds)
        await then

    def calls_of_a_review(self) -> Counter[str]:
        """Of the model, by what was wanted, for the first review of the round."""
        first = next((int(work.name) for work in self.work if work.kind == "review"), 0)
        return self.target.outside.model.of_book(first)

    # -- afterwards ----------------------------------------------------------------------------------------

    async def unfinished(self) -> list[Work]:
        found = await self._jobs(self.work)
        return [work for work, job in zip(self.work, found, strict=True) if job and job["status"] not in FINAL]

    async def seen(self) -> list[Seen]:
        doubts = await self.target.get("/api/effects/ambiguous")
        in_doubt = {effect["job_id"] for effect in (doubts or {}).get("items", [])}
        jobs = await self._jobs(self.work)
        return [await self._look(work, job, in_doubt) for work, job in zip(self.work, jobs, strict=True)]

    def disorder(self) -> list[str]:
        heard = self.target.outside.telegram.texts
        return [
            f"chat {chat}: {heard(chat)}"
            for chat, said in self.written.items()
            if out_of_order(heard(chat), [reply_to(words) for words in said])
        ]

    async def _jobs(self, work: Sequence[Work]) -> list[dict[str, Any] | None]:
        return [await self.target.get(f"/api/jobs/{one.job_id}") for one in work]

    async def _look(self, work: Work, job: dict[str, Any] | None, in_doubt: set[str]) -> Seen:
        facts: dict[str, Any] = {"status": job["status"] if job else None, "poison": work.poison}
        facts["in_doubt"] = work.job_id in in_doubt
        facts["note"] = _note(job)
        if job and job["status"] in FINAL:
            facts |= await getattr(self, f"_look_at_{work.kind}")(work, job)
            if self.gentle:
                facts["spare"] = facts.get("spare", 0) + job["attempts"] - 1
        return Seen(work.kind, work.name, **facts)

    async def _look_at_message(self, work: Work, _: dict[str, Any]) -> dict[str, Any]:
        heard = self.target.outside.telegram.texts(int(work.subject))
        if work.text.startswith(WANTS_TO_BUY):
            return {"effects": sum("25.00" in text for text in heard)}
        return {"effects": heard.count(reply_to(work.text))}

    async def _look_at_order(self, work: Work, _: dict[str, Any]) -> dict[str, Any]:
        return {"effects": self.target.outside.orders_of(work.name)}

    async def _look_at_review(self, work: Work, job: dict[str, Any]) -> dict[str, Any]:
        article = await self.target.get(f"/submissions/{work.subject}/article")
        posts = self.target.outside.posts_of(int(work.name)) if work.publishes else 1
        revisions = article["revision"] if article else 0
        facts: dict[str, Any] = {"effects": revisions if posts == 1 else posts}
        asked = self.target.outside.model.of_book(int(work.name))
        usual = self.usual_calls or asked
        spare = 0 if self.forgets else repeated(asked.total(), usual.total(), job["attempts"])
        if spare:
            facts |= {"spare": spare, "note": f"{_note(job)} asked {dict(asked - usual)} beyond the usual"}
        return facts

    async def _look_at_ingestion(self, work: Work, _: dict[str, Any]) -> dict[str, Any]:
        persona = await self.target.get(f"/api/personas/{work.name}")
        return {"effects": persona["total_vectors"] if persona else 0, "expected": PASSAGES}

    async def _look_at_card(self, work: Work, _: dict[str, Any]) -> dict[str, Any]:
        card = await self.target.get(f"/api/cards/{work.name}")
        return {"effects": int(card is not None and card["status"] == "DONE")}

    async def _look_at_graph(self, work: Work, job: dict[str, Any]) -> dict[str, Any]:
        made = self.target.outside.marks.of(work.name)
        return {
            "effects": len(made),
            "expected": len(STEPS),
            "spare": repeated(made.total(), len(STEPS), job["attempts"]),
        }


def _note(job: dict[str, Any] | None) -> str:
    if job is None:
        return ""
    error = job.get("error") or {}
    told = f", {error.get('class')}: {error.get('message')}" if error else ""
    return f"(job {job['job_id']}, attempt {job['attempts']}{told})"
