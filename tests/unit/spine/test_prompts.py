"""Stored prompts: versions that never change, exactly one of a purpose in use."""

from __future__ import annotations

import asyncio

import pytest

from spine.contracts.pipelines import Prompt
from spine.documents import PROMPTS
from spine.errors import NotFoundError
from spine.ports import Documents
from spine.prompts import PromptShelf


def prompt(text: str, active: bool = True, purpose: str = "article") -> Prompt:
    return Prompt(prompt_id="writer", purpose=purpose, template=text, active=active)


async def in_use(shelf: PromptShelf, purpose: str = "article") -> list[int]:
    page = await shelf.page(purpose=purpose, active=True, limit=50, cursor=None)
    return [item["version"] for item in page.items]


async def test_versions_count_up_and_the_newest_active_one_is_in_use(documents: Documents) -> None:
    shelf = PromptShelf(documents)
    for text in ("one", "two"):
        await shelf.add(prompt(text))
    draft = await shelf.add(prompt("three", active=False))
    assert (draft.version, draft.active) == (3, False)
    assert await in_use(shelf) == [2] and (await shelf.active("article")) is not None
    assert await shelf.versions("article") == [3, 2, 1]


async def test_the_first_prompt_of_a_purpose_is_in_use_whatever_it_says(documents: Documents) -> None:
    assert (await PromptShelf(documents).add(prompt("one", active=False))).active


async def test_going_back_is_activating_an_older_version(documents: Documents) -> None:
    shelf = PromptShelf(documents)
    for text in ("one", "two", "three"):
        await shelf.add(prompt(text))
    for version in (1, 3, 2, 2):
        assert (await shelf.activate("writer", version)).active
        assert await in_use(shelf) == [version]
    newer = await shelf.add(prompt("four"))
    assert await in_use(shelf) == [newer.version]


async def test_whoever_activates_at_the_same_time_exactly_one_version_is_in_use_throughout(
    documents: Documents,
) -> None:
    shelf = PromptShelf(documents)
    for number in range(5):
        await shelf.add(prompt(str(number)))
    ended, seen = asyncio.Event(), set[int]()

    async def watch() -> None:
        while not ended.is_set():
            seen.add(len(await in_use(shelf)))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(shelf.activate("writer", 1 + number % 5) for number in range(25)))
    ended.set()
    await watching
    assert seen == {1}
    activations = [document["activation"] for document in await documents.find(PROMPTS)]
    assert len(set(activations)) == 5


async def test_a_name_means_the_version_in_use_and_a_pinned_name_that_version(documents: Documents) -> None:
    shelf = PromptShelf(documents)
    for text in ("one", "two"):
        await shelf.add(prompt(text))
    await shelf.activate("writer", 1)
    named, pinned = await shelf.named("writer"), await shelf.named("writer:2")
    assert named is not None and (named.template, named.active) == ("one", True)
    assert pinned is not None and (pinned.template, pinned.active) == ("two", False)
    assert await shelf.named("nobody") is None and await shelf.named("writer:9") is None


async def test_purposes_do_not_disturb_each_other(documents: Documents) -> None:
    shelf = PromptShelf(documents)
    await shelf.add(prompt("one"))
    await shelf.add(Prompt(prompt_id="brief", purpose="context", template="brief"))
    assert await in_use(shelf) == [1] and await in_use(shelf, "context") == [1]


async def test_seeding_twice_at_once_stores_one_version(documents: Documents) -> None:
    shelf = PromptShelf(documents)
    seeded = await asyncio.gather(*(shelf.seed(prompt("one")) for _ in range(5)))
    assert sorted(seeded) == [False] * 4 + [True] and await shelf.versions("article") == [1]


@pytest.mark.parametrize(("name", "says"), [("nobody", "no prompt 'nobody'"), ("writer", "no version 7; it has 1")])
async def test_what_is_not_there_cannot_be_activated(documents: Documents, name: str, says: str) -> None:
    shelf = PromptShelf(documents)
    await shelf.add(prompt("one"))
    with pytest.raises(NotFoundError, match=says):
        await shelf.activate(name, 7)
