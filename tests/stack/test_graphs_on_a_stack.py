"""Graphs on a whole stack, from outside: the command, HTTP, Python, a sink, and lanes that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from spine.standard_webhooks import verify
from tests.stack.whole_stack import WholeStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGlzIHNpbms="

MODULE = """
import asyncio
from pathlib import Path
from pydantic import BaseModel
from tasks.module_graph.worker import ModuleWorker

class Step(BaseModel):
    log: str
    pause: float = 0.0

class Done(BaseModel):
    done: bool = True

class {kind}(ModuleWorker[Step, Done]):
    async def process(self, data: Step) -> Done:
        with Path(data.log).open("a") as log:
            log.write("{name} begins\\n")
        await asyncio.sleep(data.pause)
        with Path(data.log).open("a") as log:
            log.write("{name} ends\\n")
        return Done()
"""


class Receiver:
    """A sink on loopback that is down for its first delivery."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refusals = 1
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = 503 if receiver.refusals else 204
                receiver.refusals = 0
                if status == 204:
                    receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.authority = f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[WholeStack]:
    made = WholeStack(tmp_path_factory.mktemp("graphs") / "home", MILLRACE_ALLOW_PRIVATE_HOSTS=receiver.authority)
    made.command("up", "--no-demo")
    yield made
    made.close()


def declare(stack: WholeStack, name: str, *modules: str) -> None:
    """A line of modules, put into the folders of a stack that runs."""
    for folder in ("graphs", "modules"):
        (stack.home / folder).mkdir(exist_ok=True)
    for module in modules:
        (stack.home / "modules" / f"{module}.py").write_text(MODULE.format(name=module, kind=module.capitalize()))
    line = {module: [after] for module, after in pairwise(modules)} | {modules[-1]: []}
    (stack.home / "graphs" / f"{name}.py").write_text(f"GRAPH_CONNECTIONS = {line!r}\n")


def python(stack: WholeStack, code: str) -> str:
    environment = {**stack.environment, **json.loads((stack.home / "run" / "environment.json").read_text())}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_customers_question_from_the_command_line_over_http_and_from_python(stack: WholeStack) -> None:
    fields = ("username=ana", "projeto=loja", "pergunta=Onde está o meu pedido?")
    given = [stack.json("graph", "submit", "customer-question", *fields)["job_id"]]
    body = {"input": dict(field.split("=") for field in fields)}
    given.append(stack.http.post("/api/graphs/customer-question/jobs", json=body).json()["job_id"])
    submit = f"submit(graph='customer-question', **{body['input']!r})"
    given.append(python(stack, f"from flows.module_graph import submit; print({submit})").split()[-1])

    for job_id in given:
        assert stack.ended(job_id)["status"] == "SUCCESS"
        shown = stack.json("graph", "status", job_id)
        assert {state["status"] for state in shown["modules"].values()} == {"done"}
    assert "intent_validator" in stack.command("graph", "status", given[0]).stdout
    assert "●   intent_validator" in stack.command("graph", "show", "customer-question").stdout
    queues = "from flows.module_graph import GraphOrchestrator; print(*GraphOrchestrator().list_queues())"
    assert "queue:history_preferences" in python(stack, queues)


def test_a_module_from_the_generator_runs_in_a_graph_without_touching_another_file(stack: WholeStack) -> None:
    stack.command("graph", "new-module", "how-long")
    module = stack.home / "modules" / "how_long.py"
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module.with_name("test_how_long.py"))]
    assert subprocess.run(test, cwd=module.parent, capture_output=True, timeout=60).returncode == 0
    (stack.home / "graphs").mkdir(exist_ok=True)
    (stack.home / "graphs" / "lengths.yaml").write_text("modules: {how-long: []}\n")
    assert stack.command("graph", "validate", "lengths").returncode == 0

    job = stack.json("graph", "submit", "lengths", "text=four", "--watch")

    assert job["result"]["result"] == {"how-long": {"length": 4}}
    assert stack.command("graph", "new-module", "how-long", check=False).returncode == 1


def test_a_result_is_sent_signed_and_once_though_the_receiver_was_down(stack: WholeStack, receiver: Receiver) -> None:
    block = f"GraphSink(url='http://{receiver.authority}/hook', secret='{SECRET}').save('crm', overwrite=True)"
    python(stack, f"from blocks.graph_sink import GraphSink; {block}")
    declare(stack, "told", "only")
    log = str(stack.home / "told.txt")

    job_id = stack.json("graph", "submit", "told", f"log={log}", "--sink", "crm")["job_id"]
    ended = stack.ended(job_id)
    if ended["status"] == "FAILURE":  # the lane reads saved blocks every 15 s
        assert ended["error"]["error_code"] == "not_configured"
        stack.wait(lambda: _redriven(stack, job_id), "the sink", within=60)

    assert len(receiver.taken) == 1
    headers, body = receiver.taken[0]
    assert verify([SECRET], headers, body, datetime.now(UTC)).startswith("msg_")
    assert json.loads(body)["data"]["job_id"] == job_id
    assert Path(log).read_text().split("\n").count("only ends") == 1
    assert SECRET not in json.dumps(stack.job(job_id))


def _redriven(stack: WholeStack, job_id: str) -> bool:
    stack.http.post(f"/api/jobs/{job_id}/redrive").raise_for_status()
    return stack.ended(job_id)["status"] == "SUCCESS"


@pytest.mark.chaos
@pytest.mark.parametrize("moment", ["one begins", "two begins", "three begins"])
def test_a_job_outlives_a_lane_that_is_killed_in_any_of_its_modules(stack: WholeStack, moment: str) -> None:
    declare(stack, "line", "one", "two", "three")
    log = stack.home / f"{moment.replace(' ', '-')}.txt"
    job_id = stack.json("graph", "submit", "line", f"log={log}", "pause=1.5")["job_id"]
    stack.wait(lambda: log.exists() and moment in log.read_text(), moment)
    for lane in stack.lanes("live"):
        lane.kill()

    assert stack.ended(job_id)["status"] == "SUCCESS"
    lines = log.read_text().split("\n")
    killed = moment.split()[0]
    assert [lines.count(f"{name} ends") for name in ("one", "two", "three")] == [1, 1, 1]
    assert [lines.count(f"{name} begins") for name in ("one", "two", "three")] == [
        2 if name == killed else 1 for name in ("one", "two", "three")
    ]
