"""The stack's commands where no stack runs: exit codes, one clear line, answers for machines."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.cli.bring_up import options_without_effect
from deployments.stack.own_parts import DEMO_PART
from deployments.stack.state import PartState, new_state


def millrace(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "MILLRACE_HOME": str(home), **environment},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        pytest.param(["env"], {}, 1, "run `millrace up` first", id="env"),
        pytest.param(["up", "--lanes", "many"], {}, 1, "such as 1..4", id="up with a wrong range"),
        pytest.param(["up", "--lane", "x"], {}, 1, "NAME=queue1,queue2", id="up with a wrong lane"),
        pytest.param(["up", "--port", "99999"], {}, 1, "from 1 to 65535", id="up with a wrong port"),
        pytest.param(["up"], {"MILLRACE_PORT": "x"}, 1, "MILLRACE_PORT cannot be used", id="a wrong variable"),
        pytest.param(["up"], {"MILLRACE_LIVE_LANES": "x"}, 1, "MILLRACE_LIVE_LANES cannot be used", id="of lanes"),
        pytest.param(["up"], {"MILLRACE_LANE_RANGE": "x"}, 1, "MILLRACE_LANE_RANGE", id="a wrong range"),
        pytest.param(["up"], {"MILLRACE_LANES": "x"}, 1, "MILLRACE_LANES", id="a wrong dedicated lane"),
        pytest.param(["up"], {"MILLRACE_DOCUMENT_BLOCK": "no"}, 1, "MILLRACE_DOCUMENT_BLOCK cannot", id="a wrong word"),
        pytest.param(["up"], {"MILLRACE_QUEUE_WIDTHS": "cards=x"}, 1, "MILLRACE_QUEUE_WIDTHS", id="a wrong width"),
        pytest.param(["up"], {"MILLRACE_BATCH_CONCURRENCY": "many"}, 1, "MILLRACE_BATCH_CONC", id="of batches"),
        pytest.param(["up"], {"MILLRACE_KEEP_LOG_DAYS": "-3"}, 1, "MILLRACE_KEEP_LOG_DAYS cannot", id="of the cleanup"),
        pytest.param(["up"], {"MILLRACE_CONVERSATION_POLICY": "x"}, 1, "JSON object", id="a wrong policy"),
        pytest.param(["up"], {"TELEGRAM_POLICY": '{"crm": 7}'}, 1, "TELEGRAM_POLICY", id="a policy's wrong field"),
        pytest.param(["up", "--foreground"], {"MILLRACE_KEEP_REVISIONS": "0"}, 1, "KEEP_REVISIONS", id="in front"),
        pytest.param(["status"], {"MILLRACE_HOME": "~nobody1/x"}, 1, "MILLRACE_HOME cannot be used", id="no such user"),
        pytest.param(["up"], {"MILLRACE_HOME": "/proc/none"}, 1, "MILLRACE_HOME", id="a home that cannot be made"),
        pytest.param(["up"], {"MILLRACE_HOME": "/etc/passwd"}, 1, "is no folder", id="a home that is a file"),
        pytest.param(["up"], {"MILLRACE_TOKEN": "mlr.token_1.x"}, 1, "token create", id="a viewer's token as admin"),
        pytest.param(["migrate"], {}, 1, "There are no documents in", id="migrate in a home without a stack"),
        pytest.param(["migrate", "--json"], {}, 1, "run `millrace up` first", id="migrate for machines"),
        pytest.param(["setup"], {"PREFECT_API_URL": ""}, 1, "PREFECT_API_URL names no", id="setup without a server"),
        pytest.param(["nonsense"], {}, 2, "No such command", id="no command"),
    ],
)
def test_a_failing_command_says_one_clear_line(
    tmp_path: Path, words: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    done = millrace(tmp_path / "home", *words, **environment)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists(), "it is said before anything is made or started"


def test_a_stack_in_front_keeps_the_log_that_a_detached_one_keeps(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = millrace(tmp_path / "home", "up", "--foreground", "--no-demo", "--port", str(taken.getsockname()[1]))
    told = tmp_path / "home" / "logs" / "supervisor.log"
    assert done.returncode == 1
    assert done.stderr.removeprefix("millrace: ").strip() in told.read_text()
    assert told.stat().st_mode & 0o777 == 0o600


def test_down_without_a_stack_says_so_and_succeeds(tmp_path: Path) -> None:
    done = millrace(tmp_path / "home", "down")
    assert (done.returncode, "No stack is running" in done.stdout) == (0, True)


def test_down_answers_machines_as_well(tmp_path: Path) -> None:
    done = millrace(tmp_path / "home", "down", "--json")
    assert json.loads(done.stdout) == {"home": str(tmp_path / "home"), "stopped": False}


@pytest.mark.parametrize(
    ("arguments", "port", "ignored"),
    [
        pytest.param([], None, [], id="none given"),
        pytest.param([], 8900, [], id="the port that it has"),
        pytest.param([], 0, [], id="any port"),
        pytest.param(["--no-demo"], None, [], id="no demo, where there is none"),
        pytest.param([], 9000, ["--port"], id="another port"),
        pytest.param(
            ["--lanes", "1..4", "--lane", "a=b", "--lane", "c=d"], 9000, ["--port", "--lanes", "--lane"], id="lanes"
        ),
    ],
)
def test_up_on_a_running_stack_names_the_options_that_it_ignores(
    arguments: list[str], port: int | None, ignored: list[str]
) -> None:
    running = new_state()
    running.ports = {"gateway": 8900}
    assert options_without_effect(running, arguments, port) == ignored


def test_up_without_a_demo_on_a_stack_with_one_says_so() -> None:
    running = new_state()
    running.parts = [PartState(DEMO_PART, "service")]
    assert options_without_effect(running, ["--no-demo"], None) == ["--no-demo"]


def test_status_without_a_stack_is_an_answer_with_an_exit_code_of_its_own(tmp_path: Path) -> None:
    done = millrace(tmp_path / "home", "status", "--json")
    assert done.returncode == 3
    assert {"parts": [], "lanes": [], "queues": {}, "login_url": None}.items() <= json.loads(done.stdout).items()


def test_doctor_checks_every_dependency_and_changes_nothing(tmp_path: Path) -> None:
    done = millrace(tmp_path / "home", "doctor", "--json", MILLRACE_ENV="production", MILLRACE_PORT="0")
    findings = json.loads(done.stdout)
    assert {"python", "packages", "redis", "postgres", "browser", "home", "disk", "port", "production"} <= {
        finding["name"] for finding in findings
    }
    assert all(finding["mend"] for finding in findings if finding["verdict"] != "ok")
    assert not (tmp_path / "home").exists()


def test_quick_commands_do_not_load_prefect() -> None:
    modules = "deployments.cli, deployments.stack.status, deployments.cli.stack_display, deployments.stack.doctor"
    code = f"import sys, {modules}; print('prefect' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
