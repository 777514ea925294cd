"""The main job on the real stack: real Redis, Prefect, Chroma and Chromium, a loopback site and a loopback model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployments.demo_site import FOLDER
from spine.testing.openai_server import Answer, Call, OpenAiServer, example, tool
from tests.stack.whole_stack import WholeStack, free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

KEY = "sk-canary-0123456789"
LONG_ARTICLE = (
    "## The story\n\n"
    + "The keeper of the clock pays for every hour of the sea. " * 40
    + "\n\n## The book\n\n"
    + ("Nell learns the trade and the town learns the price of its safety. " * 25)
)


class Site:
    """Pages on loopback: the demo's own, a captcha, a page that is no book, and one that never ends."""

    def __init__(self, folder: Path) -> None:
        for name, content in {
            "captcha.html": '<form action="/errors/validateCaptcha"><input id="captchacharacters"></form>',
            "hose.html": "<h1>Garden hose</h1><p>Twelve metres, green.</p>",
            "huge.html": "<html><body>" + "<p>word</p>" * 2_000_000,
        }.items():
            (folder / name).write_text(content)
        for page in FOLDER.glob("*.html"):
            (folder / page.name).write_bytes(page.read_bytes())
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def url(self, page: str) -> str:
        return f"http://{self.authority}/{page}"


class Model:
    """A scripted provider that counts what it is asked, and can be made slow or senseless for one purpose."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.slow: dict[str, float] = {}
        self.senseless: set[str] = set()
        self.repeats_the_key = False
        self.server = OpenAiServer(self.answer)

    def answer(self, call: Call) -> Answer:
        wanted = set((call.schema or {}).get("properties", {}))
        purpose = "article" if {"title", "content"} <= wanted else next(iter(sorted(wanted)), "?")
        self.asked[purpose] += 1
        time.sleep(self.slow.get(purpose, 0))
        if purpose in self.senseless:
            return Answer(text="banana banana banana")
        if purpose == "article":
            heard = call.headers["authorization"] if self.repeats_the_key else ""
            return tool({"title": f"The Tide Clock {heard}".strip(), "content": LONG_ARTICLE + heard})
        return example(call)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    made = Model()
    with made.server:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, site: Site, model: Model) -> Iterator[WholeStack]:
    made = WholeStack(
        tmp_path_factory.mktemp("stack") / "home",
        MILLRACE_ALLOW_PRIVATE_HOSTS=site.authority,
        OPENAI_BASE_URL=model.server.base_url,
        OPENAI_API_KEY=KEY,
    )
    try:
        made.command("up", "--no-demo", timeout=240)
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _a_model_that_behaves(model: Model) -> Iterator[None]:
    yield
    model.slow.clear()
    model.senseless.clear()
    model.repeats_the_key = False


def test_up_returns_when_every_part_is_healthy_and_a_second_up_changes_nothing(stack: WholeStack) -> None:
    health = stack.http.get("/health").json()
    assert health["status"] == "healthy", health
    assert {health[name]["status"] for name in ("redis", "prefect", "documents", "vectors")} == {"healthy"}
    assert {lane["name"] for lane in health["lanes"]} == {"pipelines", "live"}
    before = {process.pid for process in stack.processes()}
    assert "already running" in stack.command("up", "--no-demo").stdout
    assert before <= {process.pid for process in stack.processes()}


def test_a_link_becomes_an_article_while_its_progress_climbs_for_early_and_late_watchers(
    stack: WholeStack, site: Site
) -> None:
    accepted = stack.json("submit", site.url("product.html"), site.url("review.html"))
    live = stack.events(accepted["job_id"])
    assert live[0]["type"] == "connected"
    percents = [event["progress"] for event in live[1:]]
    assert percents == sorted(percents) and percents[-1] == 100
    assert [event["seq"] for event in live[1:]] == list(range(1, len(live)))
    assert stack.events(accepted["job_id"])[1:] == live[1:], "a late watcher is told everything"
    middle = live[len(live) // 2]["seq"]
    assert [event["seq"] for event in stack.events(accepted["job_id"], since=middle)[1:]] == list(
        range(middle + 1, len(live))
    )
    article = stack.http.get(f"/submissions/{accepted['submission_id']}/article").json()
    assert article["author"] == "openai/gpt-4" and article["word_count"] >= 600


def test_without_a_model_the_review_is_extractive_and_says_so(stack: WholeStack, site: Site) -> None:
    pipeline = stack.http.get("/pipelines/book-review").json()
    for step in pipeline["steps"]:
        if "llm" in step["type"]:
            step |= {"provider": "extractive", "model_id": None}
    body = {name: pipeline[name] for name in ("name", "version", "steps", "allow_extractive")}
    assert stack.http.put("/pipelines/no-model", json=body).status_code in (200, 201)
    accepted = stack.submit(
        site.url("product.html"),
        goodreads_url=site.url("community.html"),
        other_links=[site.url("review.html")],
        pipeline_id="no-model",
    )
    assert stack.ended(accepted["job_id"])["status"] == "SUCCESS"
    article = stack.http.get(f"/submissions/{accepted['submission_id']}/article").json()
    assert article["author"] == "extractive/extractive" and article["word_count"] >= 600


def test_kill_9_of_the_lane_in_the_middle_costs_no_finished_stage(stack: WholeStack, site: Site, model: Model) -> None:
    model.slow["article"] = 4
    before = Counter(model.asked)
    accepted = stack.submit(site.url("product.html"), other_links=[site.url("review.html")])
    stack.wait(lambda: model.asked["article"] > before["article"], "the request for the article")
    stack.lane().kill()
    job = stack.ended(accepted["job_id"])
    assert (job["status"], job["attempts"]) == ("SUCCESS", 2)
    asked = model.asked - before
    assert asked.pop("article") == 2, "only the stage that was cut off is asked for again"
    assert set(asked.values()) == {1}
    assert stack.http.get(f"/submissions/{accepted['submission_id']}/article").json()["revision"] == 1


def test_nonsense_is_asked_again_then_passed_over_and_a_retry_repeats_only_the_failed_stage(
    stack: WholeStack, site: Site, model: Model
) -> None:
    pipeline = stack.http.get("/pipelines/book-review").json()
    body = {name: pipeline[name] for name in ("name", "version", "steps")} | {"allow_extractive": False}
    stack.http.put("/pipelines/strict", json=body).raise_for_status()
    model.senseless.add("article")
    before = Counter(model.asked)
    accepted = stack.submit(site.url("product.html"), pipeline_id="strict")
    job = stack.ended(accepted["job_id"])
    assert job["status"] == "FAILURE" and job["error"]["class"] == "InvalidModelOutputError"
    assert (model.asked - before)["article"] == 3
    submission = stack.http.get(f"/submissions/{accepted['submission_id']}").json()
    assert submission["status"] == "failed" and submission["errors"][0]["step"] == "article_generation"

    model.senseless.clear()
    before = Counter(model.asked)
    again = stack.http.post(f"/tasks/{accepted['submission_id']}/retry").json()
    assert again["job_id"] != accepted["job_id"]
    assert stack.ended(again["job_id"])["status"] == "SUCCESS"
    assert model.asked - before == {"article": 1}


def test_watching_goes_on_over_a_killed_gateway_and_misses_nothing(stack: WholeStack, site: Site, model: Model) -> None:
    model.slow["article"] = 8
    accepted = stack.submit(site.url("product.html?watched=yes"), other_links=[site.url("review.html?watched=yes")])
    with ThreadPoolExecutor(1) as beside:
        watching = beside.submit(stack.command, "watch", accepted["job_id"])
        stack.wait(lambda: stack.job(accepted["job_id"])["current_step"] == "article_generation", "the article's stage")
        stack.process_of("deployments.cli gateway").kill()
        *told, verdict = watching.result().stdout.splitlines()
    messages = [event["message"] for event in stack.events(accepted["job_id"])[1:]]
    assert all(line.endswith(message) for line, message in zip(told, messages, strict=True))
    assert verdict.startswith(f"{accepted['job_id']} succeeded: The Tide Clock")


@pytest.mark.parametrize(
    ("page", "error_class"),
    [
        pytest.param("captcha.html", "CaptchaError", id="a captcha"),
        pytest.param("hose.html", "NotABookError", id="not a book"),
        pytest.param("huge.html", "PageTooLargeError", id="a page of 20 MB"),
        pytest.param("nowhere.html", "InvalidInputError", id="a page that does not exist"),
    ],
)
def test_a_page_that_gives_no_book_is_a_clear_error_on_job_and_submission(
    stack: WholeStack, site: Site, page: str, error_class: str
) -> None:
    accepted = stack.submit(site.url(page))
    job = stack.ended(accepted["job_id"])
    assert (job["status"], job["error"]["class"]) == ("FAILURE", error_class)
    submission = stack.http.get(f"/submissions/{accepted['submission_id']}").json()
    assert submission["status"] == "failed" and submission["errors"][0]["class"] == error_class
    assert stack.http.get(f"/submissions/{accepted['submission_id']}/article").status_code == 404


@pytest.mark.parametrize(
    "url",
    ["not a url", "ftp://shop.example/x", "http://127.0.0.1:1/", "http://169.254.169.254/latest", "http://[::1]/", ""],
)
def test_an_address_that_may_not_be_fetched_is_refused_before_anything_is_stored(stack: WholeStack, url: str) -> None:
    before = stack.http.get("/submissions").json()["total"]
    answer = stack.http.post("/submit", json={"amazon_url": url})
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert stack.http.get("/submissions").json()["total"] == before
    refused = stack.command("submit", url, check=False)
    assert refused.returncode == 1 and len(refused.stderr.strip().splitlines()) == 1


def test_a_run_of_the_deployment_writes_the_same_job_record_and_progress(stack: WholeStack, site: Site) -> None:
    environment = {**stack.environment, **stack.json("env")}
    link = f"amazon_url={site.url('product.html')}"
    subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "run", "book_review/book-review", "--param", link],
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    jobs = lambda: stack.http.get("/api/jobs", params={"pipeline": "book_review", "limit": 5}).json()["items"]  # noqa: E731
    job = stack.wait(lambda: next((j for j in jobs() if j["idempotency_key"].startswith("flow-run:")), None), "the job")
    assert stack.ended(job["job_id"])["status"] == "SUCCESS"
    assert stack.events(job["job_id"])[-1]["progress"] == 100
    assert stack.http.get(f"/submissions/{job['subject_id']}/article").json()["word_count"] >= 600


def test_a_flow_called_from_python_with_the_stacks_environment_writes_to_the_same_stack(
    stack: WholeStack, site: Site
) -> None:
    code = (
        "import asyncio; from flows.book_review import book_review; "
        f"print(asyncio.run(book_review(amazon_url={site.url('product.html')!r})).job_id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**stack.environment, **stack.json("env")},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert stack.job(done.stdout.strip().splitlines()[-1])["status"] == "SUCCESS"


RAVEN = "Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume of lore"
ANNABEL = "It was many and many a year ago,\nIn a kingdom by the sea,\nThat a maiden there lived whom you may know"


def test_a_persona_is_ingested_over_http_and_by_command_and_answers_with_passages(
    stack: WholeStack, tmp_path: Path
) -> None:
    put = {"works/raven.txt": RAVEN, "works/annabel-lee.txt": ANNABEL, "profile.md": "# Poe\n\nBorn in Boston in 1809."}
    for name, text in put.items():
        for folder in (stack.home / "personas" / "poe", tmp_path / "sources"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    started = stack.http.post("/api/personas/poe/ingest", json={})
    assert started.status_code == 202, started.text
    job = stack.ended(started.json()["job_id"])
    assert job["status"] == "SUCCESS" and job["result"]["total_vectors"] == 3, job
    percents = [event["progress"] for event in stack.events(job["job_id"])[1:]]
    assert percents == sorted(percents) and percents[-1] == 100
    view = stack.http.get("/api/personas/poe").json()
    assert (view["status"], view["total_vectors"]) == ("active", 3)
    asked = {"q": "a maiden in a kingdom by the sea", "limit": 2}
    hits = stack.http.get("/api/personas/poe/search", params=asked).json()["items"]
    assert (hits[0]["work"], hits[0]["text"], len(hits)) == ("annabel-lee", ANNABEL, 2)

    (tmp_path / "sources" / "works" / "raven.txt").unlink()
    done = stack.json("ingest", "poe", "--source", str(tmp_path / "sources"))
    assert done["status"] == "SUCCESS"
    works = done["result"]["collections"]["works"]
    assert (works["embedded"], works["removed"], works["total_vectors"]) == (0, 1, 1)
    [hit] = stack.json("ask", "poe", "midnight dreary", "--collection", "works")["items"]
    assert (hit["work"], hit["start"], hit["end"]) == ("annabel-lee", 0, len(ANNABEL))
    refused = stack.command("ask", "nobody", "anything", check=False)
    assert (refused.returncode, refused.stderr.strip()) == (1, "millrace: There is no persona nobody.")


MAY_HOLD_SECRETS = {"secrets.json", "run/environment.json", "run/settled.json", "redis/redis.conf"}
"""Named in docs/security.md; mode 0600."""


def test_no_secret_is_in_any_file_but_those_made_for_secrets(stack: WholeStack, site: Site, model: Model) -> None:
    """Redis' log of what it was told, Prefect's database, SQLite and every part's log among them."""
    model.repeats_the_key = True
    accepted = stack.submit(site.url("product.html"), other_links=[site.url("review.html")])
    assert stack.ended(accepted["job_id"])["status"] == "SUCCESS"
    assert stack.http.get(f"/submissions/{accepted['submission_id']}/article").json()["author"] == "openai/gpt-4"
    own = json.loads((stack.home / "secrets.json").read_text())
    secrets = {**own, "OPENAI_API_KEY": KEY, "MILLRACE_TOKEN": stack.environment["MILLRACE_TOKEN"]}
    found = set()
    for path in (path for path in stack.home.rglob("*") if path.is_file()):
        with suppress(FileNotFoundError):  # a database moves its files about
            content, mode, place = path.read_bytes(), path.stat().st_mode, path.relative_to(stack.home).as_posix()
            held = {name for name, secret in secrets.items() if secret.encode() in content}
            found |= {(place, name) for name in held if place not in MAY_HOLD_SECRETS}
            assert not held or mode & 0o777 == 0o600, place
    assert found == set()
    for address in ("/health", "/api/jobs", "/submissions", "/pipelines/book-review?resolve=true", "/metrics"):
        assert KEY not in stack.http.get(address).text


def test_down_leaves_no_process_and_keeps_the_state(tmp_path: Path) -> None:
    stack = WholeStack(tmp_path / "home")
    try:
        stack.command("up", "--no-demo", timeout=240)
        assert stack.processes()
        stack.command("down")
        assert not stack.processes()
        assert (stack.home / "documents.sqlite3").exists()
    finally:
        stack.close()


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        stack = WholeStack(tmp_path / "home", MILLRACE_PORT=str(port))
        refused = stack.command("up", "--no-demo", check=False)
    assert refused.returncode == 1 and str(port) in refused.stderr
    assert not [process for process in stack.processes() if process.pid != os.getpid()]
