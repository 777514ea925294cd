"""A stack that runs is saved, ends, and comes back in another home with everything that it knew."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.stack.whole_stack import WholeStack

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(600)]

OVER = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "limit": 200}
CHAT = "chat-of-a-test"
QUOTE = "The tide keeps no clock but its own, and pays nobody for the hours."


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[WholeStack, WholeStack]]:
    first, second = WholeStack(tmp_path / "first"), WholeStack(tmp_path / "second")
    try:
        yield first, second
    finally:
        first.close()
        second.close()


def persona(folder: Path) -> Path:
    (folder / "quotes").mkdir(parents=True)
    (folder / "quotes" / "quotes.json").write_text(json.dumps([{"text": QUOTE, "source": "The Tide Clock"}]))
    return folder


def say(stack: WholeStack, text: str) -> dict[str, Any]:
    message = {"session_id": CHAT, "user_message": text, "platform": "api", "chat_id": CHAT, "persona_id": "marrow"}
    answer = stack.http.post("/api/messages", json=message).raise_for_status().json()
    return stack.ended(answer["task_id"])


def said(stack: WholeStack) -> list[str]:
    """What the customer wrote, as it is kept."""
    with closing(sqlite3.connect(stack.home / "documents.sqlite3")) as documents:
        kept = [json.loads(row[0]) for row in documents.execute("SELECT body FROM messages")]
    return [one["text"] for one in sorted(kept, key=lambda one: one["seq"]) if one["role"] == "user"]


def search(stack: WholeStack) -> list[str]:
    found = stack.http.get("/api/personas/marrow/search", params={"q": "tide clock hours"}).raise_for_status()
    return [hit["text"] for hit in found.json()["items"]]


def flow_runs(stack: WholeStack) -> set[str]:
    """Prefect's runs that are over, as Prefect itself tells them."""
    import httpx

    environment = json.loads((stack.home / "run" / "environment.json").read_text())
    user, _, password = environment["PREFECT_API_AUTH_STRING"].partition(":")
    address = f"{environment['PREFECT_API_URL']}/flow_runs/filter"
    found = httpx.post(address, json=OVER, auth=(user, password), trust_env=False, timeout=30)
    return {run["id"] for run in found.raise_for_status().json()}


def test_everything_is_there_again_in_a_new_home(homes: tuple[WholeStack, WholeStack], tmp_path: Path) -> None:
    old, new = homes
    file = tmp_path / "backups" / "millrace.tar.gz"
    old.command("up", "--no-demo", timeout=240)
    old.json("ingest", "marrow", "--source", str(persona(tmp_path / "sources")))
    assert say(old, "Who pays for the tide?")["status"] == "SUCCESS"
    graph = old.json("graph", "submit", "customer-question", "username=ana", "projeto=loja", "pergunta=Onde está?")
    assert old.ended(graph["job_id"])["status"] == "SUCCESS"
    assert QUOTE in search(old)

    runs = flow_runs(old)
    told = old.json("backup", str(file))

    assert (told["running"], set(told["stores"])) == (True, {"documents", "vectors", "redis", "prefect"})
    assert (file.stat().st_mode & 0o777, told["left_out"]) == (0o600, [])
    old.command("down")

    assert new.command("restore", str(file)).returncode == 0
    assert (new.home / "documents.sqlite3").stat().st_mode & 0o777 == 0o600
    assert "--force" in new.command("restore", str(file), check=False).stderr
    new.command("up", "--no-demo", timeout=240)

    assert QUOTE in search(new)
    known = {job["job_id"]: job for job in new.http.get("/api/jobs", params={"limit": 500}).json()["items"]}
    assert known[graph["job_id"]]["status"] == "SUCCESS"
    assert runs
    assert runs <= flow_runs(new)
    assert say(new, "And who keeps its clock?")["status"] == "SUCCESS"
    assert said(new) == ["Who pays for the tide?", "And who keeps its clock?"]

    new.command("down")
    again = tmp_path / "backups" / "stopped.tar.gz"
    assert new.json("backup", str(again))["running"] is False
    assert json.loads(new.command("restore", str(again), "--force", "--json").stdout)["stores"]["documents"]
    assert [path.name for path in new.home.glob("before-restore-*/secrets.json")] == ["secrets.json"]
