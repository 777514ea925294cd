"""A whole stack of its own, driven from outside as a user drives it: by its command, its HTTP and its WebSocket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.sync.client import connect

FINAL = {"SUCCESS", "FAILURE", "REVOKED", "DEAD"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WholeStack:
    """`millrace up` in a home of its own; `close` takes it down and ends what it left."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PREFECT_"))}
        self.environment = {
            **kept,
            "MILLRACE_HOME": str(home),
            "MILLRACE_PORT": str(self.port),
            "MILLRACE_TOKEN": "token-of-the-test-stack",
            **environment,
        }
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.environment['MILLRACE_TOKEN']}"},
            timeout=30,
            trust_env=False,
        )

    def command(self, *words: str, timeout: float = 180, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(
                f"millrace {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *words: str, check: bool = True) -> Any:
        return json.loads(self.command(*words, "--json", check=check).stdout)

    def submit(self, url: str, **fields: Any) -> dict[str, Any]:
        answer = self.http.post("/submit", json={"amazon_url": url, **fields})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        return self.http.get(f"/api/jobs/{job_id}").raise_for_status().json()

    def ended(self, job_id: str, within: float = 120) -> dict[str, Any]:
        return self.wait(lambda: (job := self.job(job_id))["status"] in FINAL and job, f"the end of {job_id}", within)

    def wait(self, condition: Any, what: str, within: float = 60) -> Any:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if answer := condition():
                return answer
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come within {within} s\n{self.logs()}")

    def events(self, job_id: str, since: int = 0) -> list[dict[str, Any]]:
        """What a WebSocket client is sent, from its first message to the job's end."""
        heard: list[dict[str, Any]] = []
        address = f"ws://127.0.0.1:{self.port}/ws/tasks?job={job_id}&since={since}"
        with connect(address, additional_headers={"Authorization": self.http.headers["Authorization"]}) as socket:
            while True:
                event = json.loads(socket.recv(timeout=120))
                heard.append(event)
                if event["type"] == "state" and event["status"] in FINAL:
                    return heard

    def lane(self, name: str = "pipelines") -> psutil.Process:
        return self.lanes(name)[0]

    def lanes(self, name: str) -> list[psutil.Process]:
        return self.processes_of(f"lane {name}")

    def process_of(self, words: str) -> psutil.Process:
        return self.processes_of(words)[0]

    def processes_of(self, words: str) -> list[psutil.Process]:
        """Processes of the stack, found as an operator would: by their command line."""
        mine = [process for process in self.processes() if words in " ".join(process.cmdline())]
        assert mine, f"nothing runs as {words}"
        return mine

    def processes(self) -> list[psutil.Process]:
        """Every living process that belongs to this home."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MILLRACE_HOME") == str(self.home) and process.pid != os.getpid():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def logs(self, lines: int = 15) -> str:
        texts = {
            path.name: path.read_text(errors="replace").splitlines() for path in (self.home / "logs").glob("*.log")
        }
        return "\n".join(f"== {name}\n" + "\n".join(text[-lines:]) for name, text in sorted(texts.items()))

    def close(self) -> None:
        self.http.close()
        self.command("down", check=False)
        for process in self.processes():
            process.send_signal(signal.SIGKILL)
