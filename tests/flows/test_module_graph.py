"""A graph job as a flow: modules as tasks, conditions, joins, rounds, retries, time limits, resume, sink."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deployments.job_handler import JobHandler
from deployments.lane_runs import lane_runs
from spine.contracts.graphs import GraphSubmission
from spine.contracts.jobs import Job, JobStatus
from spine.errors import ExternalServiceError, InvalidInputError, NotFoundError, RateLimitError
from spine.services import using
from spine.sink_port import SinkAddress
from tasks.module_graph.child import run_in_child
from tasks.module_graph.steps import run_module
from tasks.module_graph.worker import ModuleContext
from tests.conftest import until
from tests.flows.graph_world import GraphWorld
from tests.flows.test_book_review import MakeWorld

QUESTION = {"username": "ana", "projeto": "loja", "pergunta": "Onde está o meu pedido #A1234?"}


@pytest.fixture
async def graphs(make_world: MakeWorld, tmp_path: Path) -> GraphWorld:
    return GraphWorld(await make_world(), tmp_path)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """It is heard, also by a test run that was begun in the background, which does not hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def statuses(job: Any) -> dict[str, str]:
    return {name: str(state.status) for name, state in job.modules.items()}


async def test_a_customers_question_goes_through_both_modules_without_any_key(graphs: GraphWorld) -> None:
    job = await graphs.run("customer-question", **QUESTION)

    assert job.status is JobStatus.SUCCESS, job.error
    assert statuses(job) == {"intent_validator": "done", "history_preferences": "done"}
    intent = job.modules["intent_validator"].output or {}
    assert (intent["answerable"], intent["category"], intent["entities"]) == (True, "order", ["#A1234"])
    assert (job.result or {})["history_preferences"]["questions_seen"] == 0


async def test_preferences_are_learned_from_the_customers_earlier_questions(graphs: GraphWorld) -> None:
    for asked in ("Onde está o meu pedido A1?", "Posso trocar o pedido A1?", "Quando chega a fatura?"):
        await graphs.run("customer-question", **{**QUESTION, "pergunta": asked})
    await graphs.run("customer-question", **{**QUESTION, "username": "rui"})

    job = await graphs.run("customer-question", **QUESTION)
    known = (job.result or {})["history_preferences"]

    assert known["questions_seen"] == 3
    assert next(iter(known["categories"].items())) == ("order", 2)
    assert any("order" in told for told in known["preferences"])


async def test_a_question_without_an_answer_ends_after_the_validator_with_the_reason(graphs: GraphWorld) -> None:
    job = await graphs.run("customer-question", **{**QUESTION, "pergunta": "Oi, bom dia!"})

    assert job.status is JobStatus.SUCCESS
    assert statuses(job)["history_preferences"] == "skipped"
    assert "saudação" in (job.result or {})["intent_validator"]["reason"]


async def test_branches_run_at_the_same_time_and_a_join_sees_what_both_made(graphs: GraphWorld) -> None:
    meet = """
        log = Path(data.folder) / "MINE"
        log.write_text("here")
        async with asyncio.timeout(10):
            while not (Path(data.folder) / "OTHER").exists():
                await asyncio.sleep(0.01)
        return {"MINE": 1}
    """
    graphs.module("left", meet.replace("MINE", "l").replace("OTHER", "r"))
    graphs.module("right", meet.replace("MINE", "r").replace("OTHER", "l"))
    graphs.module("begin")
    graphs.module("end", "return {'sum': data.l + data.r + data.left['l']}")
    graphs.graph("diamond", {"begin": ["left", "right"], "left": ["end"], "right": ["end"], "end": []})

    job = await graphs.run("diamond", folder=str(graphs.log.parent))

    assert job.result == {"end": {"sum": 3}}, job.error
    assert sorted(graphs.runs) == ["begin", "end", "left", "right"]


async def test_a_module_that_changes_its_input_changes_nobody_elses(graphs: GraphWorld) -> None:
    graphs.module("begin", "data.asked.append('b'); return {'items': [1, 2, 3]}")
    graphs.module("sort", "data.items.pop(); return {}")
    graphs.module("read", "await asyncio.sleep(0.2); return {'items': data.items, 'asked': data.asked}")
    graphs.graph("shared", {"begin": ["sort", "read"], "sort": [], "read": []})

    job = await graphs.run("shared", asked=["a"])

    assert (job.result or {})["read"] == {"items": [1, 2, 3], "asked": ["a"]}, job.error


@pytest.mark.parametrize(("join", "end"), [("all", "skipped"), ("any", "done")])
async def test_a_join_behind_a_branch_that_was_not_taken(graphs: GraphWorld, join: str, end: str) -> None:
    for name in ("begin", "left", "right", "end"):
        graphs.module(name, "return {'go': 'left'}")
    modules = {"begin": [{"left": "go == 'left'"}, {"right": "go == 'right'"}], "left": ["end"], "right": ["end"]}
    graphs.graph("choice", {**modules, "end": {"join": join}})

    assert statuses(await graphs.run("choice")) == {"begin": "done", "left": "done", "right": "skipped", "end": end}


async def test_a_way_back_is_taken_until_its_condition_fails_or_its_rounds_are_over(graphs: GraphWorld) -> None:
    graphs.module("draft", "return {'text': getattr(data, 'text', '') + 'x'}")
    graphs.module("review", "return {'good': len(data.text) >= data.wanted, 'text': data.text}")
    graphs.module("publish", "return {'published': data.text}")
    again = {"to": "draft", "when": "good == false", "max_rounds": 3}
    graphs.graph("loop", {"draft": ["review"], "review": {"to": [again, "publish"]}, "publish": []})

    soon, never = await graphs.run("loop", wanted=3), await graphs.run("loop", wanted=9)

    assert soon.result == {"publish": {"published": "xxx"}}
    assert soon.modules["draft"].round == 3
    assert never.result == {"publish": {"published": "xxxx"}}


async def test_starting_in_the_middle_runs_what_comes_after_and_nothing_else(graphs: GraphWorld) -> None:
    for name in ("one", "two", "three"):
        graphs.module(name)
    graphs.graph("line", {"one": ["two"], "two": ["three"], "three": []})

    assert (await graphs.run("line", start_module="two")).status is JobStatus.SUCCESS
    assert graphs.runs == ["two", "three"]


@pytest.mark.parametrize(
    ("fault", "then"),
    [
        pytest.param("ConnectionError('gone')", JobStatus.FAILURE, id="a lost connection fails the job"),
        pytest.param("OSError(24, 'gone')", JobStatus.RETRY, id="a machine that is out of open files puts it off"),
    ],
)
async def test_a_passing_fault_is_tried_again_as_often_as_the_graph_says(
    graphs: GraphWorld, fault: str, then: JobStatus
) -> None:
    graphs.module("weak", f"raise {fault}")
    graphs.graph("weakly", {"weak": {"retries": 2, "retry_delay": 0}})

    job = await graphs.run("weakly")

    assert (job.status, graphs.runs) == (then, ["weak"] * 3)
    assert job.error is not None and job.error.step == "weak" and "gone" in job.error.message


class Nowhere:
    """A queue that hands nothing out."""

    async def start(self, job: Job) -> None:
        return


async def test_with_a_queue_a_passing_fault_ends_in_the_dead_letters_with_its_reason(graphs: GraphWorld) -> None:
    graphs.module("weak", "raise ConnectionError('gone')")
    graphs.graph("weakly", {"weak": {"retries": 0}})
    graphs.services.starter = Nowhere()
    _, job = await graphs.desk.submit("weakly", GraphSubmission())

    seen: list[str] = []
    while not seen or seen[-1] == "RETRY":
        seen.append(str((await graphs.go_on(job.job_id)).status))

    ended = await graphs.services.ledger.get(job.job_id)
    assert seen == ["RETRY"] * (job.max_attempts - 1) + ["DEAD"]
    assert ended.error is not None and (ended.error.step, ended.error.retryable) == ("weak", True)


async def test_a_job_goes_on_from_the_module_that_failed(graphs: GraphWorld) -> None:
    graphs.module("first", "return {'n': 1}")
    graphs.module("second", "raise ValueError('not yet')")
    graphs.graph("steps", {"first": ["second"], "second": []})
    failed = await graphs.run("steps")
    assert statuses(failed) == {"first": "done", "second": "failed"}
    assert failed.modules["second"].error is not None

    graphs.module("second", "return {'n': data.n + 1}")
    mended = await graphs.redrive(failed.job_id)

    assert mended.result == {"second": {"n": 2}}, mended.error
    assert graphs.runs == ["first", "second", "second"]


async def test_what_runs_beside_a_failing_module_ends_and_is_kept(graphs: GraphWorld) -> None:
    graphs.module("begin")
    graphs.module("fails", "raise ValueError('no')")
    graphs.module("slow", "await asyncio.sleep(0.3); return {'kept': True}")
    graphs.module("after")
    graphs.graph("beside", {"begin": ["fails", "slow"], "fails": [], "slow": ["after"], "after": []})

    job = await graphs.run("beside")

    assert statuses(job) == {"begin": "done", "fails": "failed", "slow": "done", "after": "waiting"}


@pytest.mark.parametrize(
    ("way", "body", "isolation"),
    [
        pytest.param("async def", "await asyncio.sleep(30)", "lane", id="a coroutine is cancelled"),
        pytest.param("def", "time.sleep(2)", "lane", id="a thread is left behind"),
        pytest.param(
            "async def",
            """
            for _ in range(6):
                try: await asyncio.sleep(1)
                except asyncio.CancelledError: pass
            """,
            "lane",
            id="a coroutine that does not let itself be cancelled is left behind",
        ),
        pytest.param("def", "time.sleep(600)", "process", id="a process is killed"),
    ],
)
async def test_a_module_that_takes_too_long_fails(graphs: GraphWorld, way: str, body: str, isolation: str) -> None:
    graphs.module("slow", body, way=way)
    limit = 3.0 if isolation == "process" else 0.2
    graphs.graph("limits", {"slow": {"timeout": limit, "retries": 0, "isolation": isolation}})

    job = await graphs.run("limits")

    assert job.error is not None and job.error.error_class == "TimeLimitError"
    assert (job.modules["slow"].seconds or 0) < limit + 3


async def test_a_module_in_its_own_process_gives_its_output_and_its_errors(graphs: GraphWorld) -> None:
    graphs.module("apart", "print('noise'); return {'doubled': data.n * 2} if data.n else 1 / 0", way="def")
    graphs.graph("own", {"apart": {"isolation": "process", "retries": 0}})

    fine, broken = await asyncio.gather(graphs.run("own", n=21), graphs.run("own", n=0))

    assert fine.result == {"apart": {"doubled": 42}}, fine.error
    assert broken.error is not None and "ZeroDivisionError" in broken.error.message


async def test_an_error_from_a_process_of_its_own_keeps_the_details_that_are_json(graphs: GraphWorld) -> None:
    graphs.module(
        "limited", "from spine.errors import RateLimitError; raise RateLimitError(retry_after=7.0, seen=object())"
    )

    with pytest.raises(RateLimitError) as met:
        await run_in_child(graphs.services.settings.modules_dir, ModuleContext(module="limited"), {})

    assert met.value.details == {"retry_after": 7.0}


@pytest.mark.parametrize(
    ("way", "isolation", "faults"),
    [
        pytest.param("async def", "lane", ["SystemExit", "GeneratorExit", "Own"], id="in the loop"),
        pytest.param("def", "lane", ["SystemExit", "GeneratorExit", "Own", "KeyboardInterrupt"], id="in a thread"),
        pytest.param("def", "process", ["SystemExit", "Own"], id="in a process of its own"),
    ],
)
async def test_a_module_that_raises_what_is_no_exception_ends_its_job_only(
    graphs: GraphWorld, way: str, isolation: str, faults: list[str]
) -> None:
    graphs.graph("exit", {"leaves": {"isolation": isolation}})
    for fault in faults:
        graphs.module("leaves", f"class Own(BaseException): pass\nraise {fault}(3)", way=way)

        job = await graphs.run("exit")

        assert job.status is JobStatus.FAILURE
        assert job.error is not None and job.error.step == "leaves" and f"{fault}: 3" in job.error.message
    assert len(graphs.runs) == len(faults)


@pytest.mark.parametrize(
    ("body", "presses"),
    [
        pytest.param("await asyncio.sleep(60)", 1, id="while it waits"),
        pytest.param("time.sleep(60)", 2, id="while it holds up the loop"),
    ],
)
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_the_program_whatever_a_module_does(graphs: GraphWorld, body: str, presses: int) -> None:
    graphs.module("busy", body)

    def press() -> None:
        while not graphs.runs:
            time.sleep(0.01)
        for _ in range(presses):
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)

    async def program() -> None:
        with using(graphs.services):
            threading.Thread(target=press, daemon=True).start()
            await run_module.fn("", ModuleContext(module="busy"), {}, "lane", 90.0)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("way", "body", "isolation"),
    [
        pytest.param("async def", "raise asyncio.CancelledError", "lane", id="by its error"),
        pytest.param("def", "raise asyncio.CancelledError", "lane", id="by its error in a thread"),
        pytest.param("async def", "asyncio.current_task().cancel(); await asyncio.sleep(1)", "lane", id="as it waits"),
        pytest.param("async def", "asyncio.current_task().cancel(); return {}", "lane", id="as it ends"),
        pytest.param("async def", "asyncio.current_task().cancel(); return {}", "process", id="in its own process"),
    ],
)
async def test_a_module_that_cancels_itself_ends_its_job_at_once(
    graphs: GraphWorld, way: str, body: str, isolation: str
) -> None:
    graphs.module("quits", body, way=way)
    graphs.graph("quitting", {"quits": {"isolation": isolation}})

    job = await graphs.run("quitting")

    assert (job.status, graphs.runs) == (JobStatus.FAILURE, ["quits"])
    assert job.error is not None and job.error.message == "Module quits cancelled itself."


async def test_a_file_that_ends_its_process_when_it_is_loaded_ends_its_job_only(graphs: GraphWorld) -> None:
    graphs.module("script")
    with (graphs.services.settings.modules_dir / "script.py").open("a") as file:
        file.write("\nraise SystemExit('usage: script')\n")
    graphs.graph("scripts", {"script": []})

    job = await graphs.run("scripts")

    assert job.error is not None and "cannot be loaded: SystemExit: usage: script" in job.error.message


@pytest.mark.parametrize(
    ("output", "told"),
    [
        pytest.param("{'a.b': 1}", "'a.b'", id="a dot in a key"),
        pytest.param("{'n': 10**30}", "64 bits", id="a number that no store keeps"),
        pytest.param("{'n': {'m': [float('nan')]}}", "`output.n.m` is nan", id="not a number"),
        pytest.param("{'n': 1e999}", "`output.n` is inf", id="infinity"),
        pytest.param("{'text': chr(0xD800)}", "surrogate", id="half a surrogate pair"),
        pytest.param("functools.reduce(lambda inner, _: {'d': inner}, range(200), {})", "levels", id="too deep"),
        pytest.param("{'text': 'x' * 300_000}", "bytes", id="too large"),
    ],
)
async def test_an_output_that_cannot_be_kept_is_told_and_not_remembered(
    graphs: GraphWorld, output: str, told: str
) -> None:
    graphs.module("odd", f"import functools; return {output}")
    graphs.graph("odds", {"odd": []})

    failed = await graphs.run("odds")
    graphs.module("odd", "return {'fine': True}")
    mended = await graphs.redrive(failed.job_id)

    assert failed.error is not None and failed.error.step == "odd"
    assert "The output of module odd" in failed.error.message and told in failed.error.message
    assert mended.result == {"odd": {"fine": True}}, mended.error


async def test_input_that_does_not_fit_a_module_is_told_by_its_field(graphs: GraphWorld) -> None:
    with pytest.raises(InvalidInputError, match="pergunta"):
        await graphs.run("customer-question", username="ana", projeto="loja")
    with pytest.raises(InvalidInputError, match=r"^.{60,350} is longer than .* characters\.$"):
        await graphs.run("customer-question", **{**QUESTION, "pergunta": "x" * 100_000})
    late = await graphs.run("customer-question", start_module="history_preferences", username="ana")

    assert late.error is not None and "projeto" in late.error.message and late.error.step == "history_preferences"


async def test_places_of_a_module_are_limited_over_all_jobs(graphs: GraphWorld) -> None:
    graphs.module(
        "narrow", "import time; began = time.time(); await asyncio.sleep(0.2); return {'stay': [began, time.time()]}"
    )
    graphs.graph("queueing", {"narrow": {"concurrency": 1}})

    jobs = asyncio.gather(*(graphs.run("queueing") for _ in range(3)))
    waiting = 0
    while not jobs.done():
        waiting = max(waiting, (await graphs.desk.queues())["queue:narrow"].waiting)
        await asyncio.sleep(0.02)

    stays = sorted((job.result or {})["narrow"]["stay"] for job in await jobs)
    assert all(ended <= began for (_, ended), (began, _) in pairwise(stays))
    assert waiting >= 1


async def test_every_module_of_every_graph_has_a_queue(graphs: GraphWorld) -> None:
    assert {"queue:intent_validator", "queue:history_preferences"} <= (await graphs.desk.queues()).keys()


async def test_a_cancelled_job_stops_its_modules(graphs: GraphWorld) -> None:
    graphs.module("endless", "await asyncio.sleep(600)")
    graphs.graph("stop", {"endless": {"timeout": 700}})
    running = asyncio.create_task(graphs.run("stop"))
    await until(lambda: graphs.runs == ["endless"], within=30)
    found = await graphs.services.documents.find("jobs", {"pipeline": "module_graph"})
    await graphs.services.ledger.cancel(found[0]["_id"])

    assert (await asyncio.wait_for(running, 10)).status is JobStatus.REVOKED


async def test_a_graph_runs_from_plain_python_without_a_lane(graphs: GraphWorld) -> None:
    from flows.module_graph import GraphOrchestrator, module_graph

    with using(graphs.services):
        result = await module_graph("customer-question", QUESTION)
        job_id = await GraphOrchestrator().submit(start_module="intent_validator", **QUESTION)
        job = await GraphOrchestrator().status(job_id)
        with pytest.raises(NotFoundError):
            await GraphOrchestrator().submit(graph="no-such-graph")

    assert "history_preferences" in result.result
    assert job.status is JobStatus.SUCCESS


class Receiver:
    """A receiver that is down for its first deliveries."""

    def __init__(self, down: int = 0) -> None:
        self.down = down
        self.taken: list[dict[str, str]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.down -= 1
        if self.down >= 0:
            raise ExternalServiceError("down", service="crm")
        self.taken.append({"url": url, "body": body.decode(), **headers})


async def test_a_result_is_delivered_once_and_a_sink_that_is_missing_loses_nothing(graphs: GraphWorld) -> None:
    graphs.module("only", "return {'n': 7}")
    graphs.graph("told", {"only": []}, sink="crm")
    receiver = graphs.services.post_callback = Receiver()

    failed = await graphs.run("told")
    assert failed.error is not None and (failed.error.step, failed.error.error_code) == ("sink", "not_configured")
    assert statuses(failed) == {"only": "done"}

    from pydantic import SecretStr

    graphs.services.sink = lambda name: SinkAddress(
        f"https://{name}.example/hook", SecretStr("whsec_c2VjcmV0IG9mIGEgc2luaw==")
    )
    done = await graphs.redrive(failed.job_id)

    assert done.status is JobStatus.SUCCESS and done.sink is not None and done.sink.delivered
    assert (graphs.runs, len(receiver.taken)) == (["only"], 1)
    assert '"n": 7' in receiver.taken[0]["body"] and "c2VjcmV0" not in str(receiver.taken)


async def test_jobs_of_a_lane_share_its_open_flow_run(make_world: MakeWorld, tmp_path: Path) -> None:
    world = await make_world()
    graphs = GraphWorld(world, tmp_path)
    graphs.module("only")
    graphs.graph("single", {"only": []})

    with using(world.services):
        async with lane_runs(["graphs"], "lane:test") as surround:
            world.handler = JobHandler(world.services, surround)
            jobs = await asyncio.gather(*(graphs.run("single") for _ in range(5)))

    records = [await graphs.services.ledger.get(job.job_id) for job in jobs]
    assert {job.status for job in jobs} == {JobStatus.SUCCESS}
    assert len({record.flow_run_id for record in records}) == 1


@pytest.mark.parametrize("shared", [False, True], ids=["in a flow run of its own", "in the open run of a lane"])
@pytest.mark.parametrize(
    ("flow", "asked", "pipeline"),
    [
        ("maintenance", "", "maintenance"),
        ("module_graph", "'inner'", "module_graph"),
        ("conversation", "session_id='x', user_message='hello'", "conversation"),
    ],
)
async def test_a_flow_called_inside_a_module_has_a_job_of_its_own(
    graphs: GraphWorld, flow: str, asked: str, pipeline: str, shared: bool
) -> None:
    graphs.module("outer", f"from flows.{flow} import {flow}; await {flow}({asked}); return {{'fine': True}}")
    graphs.module("inner")
    graphs.graph("inner", {"inner": []})
    graphs.graph("calling", {"outer": ["inner"], "inner": []})

    async with AsyncExitStack() as stack:
        stack.enter_context(using(graphs.services))
        if shared:
            surround = await stack.enter_async_context(lane_runs(["graphs"], "lane:test"))
            graphs.world.handler = JobHandler(graphs.services, surround)
        job = await graphs.run("calling")

    assert job.status is JobStatus.SUCCESS, job.error
    assert statuses(job) == {"outer": "done", "inner": "done"}
    called = await graphs.services.documents.find("jobs", {"pipeline": pipeline})
    assert [one["status"] for one in called if one["_id"] != job.job_id] == [JobStatus.SUCCESS]
