"""Which store a stack keeps its documents in is settled once, by a saved block before the environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deployments.document_store import saved_database, settle_documents
from deployments.stack.environment import load_environment, save_environment, settle, settled
from deployments.stack.home import Home
from deployments.stack.launch import launch
from deployments.stack.own_parts import DOCUMENTS_MODULE, STEP_PROCESS
from deployments.stack.parts import Part
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.settings import Settings
from spine.testing.loopback_site import LoopbackSite, SiteAnswer
from tests.contracts.conftest import nx_address

__all__ = ["nx_address"]

BLOCKS = "/api/block_documents/filter"
ELSEWHERE = "mongodb://user:canary-4f1c@elsewhere.example/db"


class Prefect:
    """What a Prefect server answers about saved blocks."""

    def __init__(self, site: LoopbackSite) -> None:
        self.site = site

    def saves(self, **urls: str) -> None:
        kind = {"slug": "document-database"}
        told = [{"name": name, "data": {"url": url}, "block_type": kind} for name, url in urls.items()]
        self.answers(SiteAnswer(json.dumps(told), content_type="application/json"))

    def answers(self, answer: SiteAnswer) -> None:
        self.site.page(BLOCKS, answer)


@pytest.fixture
async def prefect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Prefect]:
    async with LoopbackSite() as site:
        monkeypatch.setenv("PREFECT_API_URL", site.url("/api"))
        yield Prefect(site)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def config(home: Home, **values: Any) -> Settings:
    return Settings(home=home.root, **values)  # pyright: ignore[reportCallIssue]


# -- the saved block -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "name"),
    [
        pytest.param({}, None, id="none is saved"),
        pytest.param({"b": ELSEWHERE, "a": ELSEWHERE}, "a", id="the first by name"),
        pytest.param({"a": ELSEWHERE, "default": ELSEWHERE}, "default", id="the one named default"),
    ],
)
async def test_of_several_blocks_one_counts(prefect: Prefect, blocks: dict[str, str], name: str | None) -> None:
    prefect.saves(**blocks)
    found = await saved_database()
    assert (found.name if found else None) == name
    assert "canary" not in repr(found)


async def test_without_a_prefect_server_the_environment_counts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert await settle_documents(config(home)) is None
    assert settled(home) == {}


@pytest.mark.parametrize("answer", [SiteAnswer("no", status=500), SiteAnswer(f"<{ELSEWHERE}>")], ids=["500", "a page"])
async def test_a_server_that_does_not_answer_settles_nothing(prefect: Prefect, home: Home, answer: SiteAnswer) -> None:
    """A guess would be another store than the one that holds the jobs."""
    settle(home, {"MILLRACE_MONGO_URL": "as before"})
    prefect.answers(answer)
    with pytest.raises(ExternalServiceError, match="does not answer") as raised:
        await settle_documents(config(home))
    assert "canary" not in repr((raised.value, raised.value.__cause__))
    assert settled(home) == {"MILLRACE_MONGO_URL": "as before"}


async def test_a_block_wins_over_the_environment_once_its_database_answers(
    prefect: Prefect, home: Home, nx_address: str
) -> None:
    prefect.saves(default=f"{nx_address}/books")
    found = await settle_documents(config(home, mongo_url="mongodb://other.example/db"))
    assert found is not None and found.name == "default"
    assert settled(home) == {"MILLRACE_MONGO_URL": f"{nx_address}/books"}
    assert home.settled_file.stat().st_mode & 0o777 == 0o600


async def test_a_block_that_was_deleted_counts_no_more_at_the_next_start(prefect: Prefect, home: Home) -> None:
    settle(home, {"MILLRACE_MONGO_URL": "mongodb://gone.example/db"})
    prefect.saves()
    await settle_documents(config(home))
    assert settled(home) == {}


@pytest.mark.parametrize(
    "url", ["postgresql://user:canary-4f1c@host/db", "mongodb://us/er:canary-4f1c@host/db", ""], ids=repr
)
async def test_an_address_that_cannot_be_used_is_refused_with_the_way_out(
    prefect: Prefect, home: Home, url: str
) -> None:
    prefect.saves(default=url)
    with pytest.raises(NotConfiguredError, match=r"'default' cannot be used.*MILLRACE_DOCUMENT_BLOCK=ignore") as raised:
        await settle_documents(config(home))
    assert "canary" not in str(raised.value) and "MILLRACE_MONGO_URL" not in str(raised.value)


async def test_a_stack_whose_block_is_broken_can_be_started_without_it(prefect: Prefect, home: Home) -> None:
    prefect.saves(default="nonsense")
    assert await settle_documents(config(home), ignore_block=True) is None
    assert settled(home) == {}
    assert prefect.site.requests == []


async def test_the_step_says_in_one_line_why_it_failed(prefect: Prefect, home: Home) -> None:
    prefect.saves(default="postgresql://user:canary-4f1c@host/db")
    step = await asyncio.create_subprocess_exec(
        sys.executable, "-m", STEP_PROCESS, DOCUMENTS_MODULE,
        env={**os.environ, "MILLRACE_HOME": str(home.root)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await step.communicate()
    assert step.returncode == 1
    (line,) = said.decode().splitlines()
    assert "Document Database 'default' cannot be used" in line and "canary" not in line


# -- what parts are told -------------------------------------------------------------------------------------------


async def _told(home: Home, **part: Any) -> str:
    words = "import os; print('told', os.environ.get('MILLRACE_MONGO_URL'))"
    process = await launch(
        Part(name="part", argv=(sys.executable, "-c", words), **part),
        home,
        {"PATH": os.environ["PATH"], "MILLRACE_MONGO_URL": "from the environment"},
        "a-test",
    )
    await process.wait()
    return home.log_of("part").read_text().splitlines()[-1]


async def test_every_part_is_told_what_was_settled(home: Home) -> None:
    assert await _told(home) == "told from the environment"
    settle(home, {"MILLRACE_MONGO_URL": "from the block"})
    assert await _told(home) == "told from the block"


async def test_a_program_of_somebody_else_is_told_nothing(home: Home) -> None:
    settle(home, {"MILLRACE_MONGO_URL": "from the block"})
    assert await _told(home, bare=True) == "told None"


def test_another_shell_is_told_the_same_as_the_parts(home: Home) -> None:
    save_environment(home, {"MILLRACE_PORT": "1"})
    settle(home, {"MILLRACE_MONGO_URL": "from the block"})
    assert load_environment(home) == {"MILLRACE_PORT": "1", "MILLRACE_MONGO_URL": "from the block"}


def test_what_was_settled_is_never_guessed(home: Home) -> None:
    home.settled_file.write_text('{"half')
    with pytest.raises(NotConfiguredError, match="millrace down"):
        settled(home)
