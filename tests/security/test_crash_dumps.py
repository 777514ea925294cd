"""What a crash, a failed start or an export shows: never a secret, whatever was in memory."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spine.adapters.system_resolver import SystemResolver
from spine.url_guard import UrlGuard
from tests.gateway.gateway_desk import open_desk
from tests.security.canaries import CANARIES, IN_THE_ENVIRONMENT, found_in

CRASHES = {
    "a traceback with the settings at hand": """
config = settings()
raise RuntimeError(f"{config!r} {config} {config.model_dump()} {surroundings()!r}")
""",
    "a dump of every thread": """
import faulthandler
key = config_key = settings().token
faulthandler.dump_traceback(all_threads=True)
faulthandler.enable()
os.abort()
""",
    "a setting that cannot be used": """
os.environ["MILLRACE_PORT"] = os.environ["MILLRACE_TOKEN"]
checked_settings()
""",
    "the stack's own secrets": """
from deployments.stack.home import Home
from deployments.stack.secret_store import ensure_secrets
home = Home(settings().home)
home.prepare()
kept = ensure_secrets(home, os.environ["MILLRACE_TOKEN"])
raise RuntimeError(f"{kept!r} {kept}")
""",
    "a provider's credential": """
from spine.provider_keys import environment_credential
raise RuntimeError([repr(environment_credential(name)) for name in ("openai", "groq", "mistral", "claude")])
""",
}
BEFORE = """
import os, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from deployments.cli.configuration import checked_settings
from deployments.production import surroundings
from spine.settings import settings
"""


@pytest.mark.parametrize("name", CRASHES)
def test_a_process_that_ends_badly_shows_no_secret(tmp_path: Path, name: str) -> None:
    environment = {variable: CANARIES[variable] for variable in IN_THE_ENVIRONMENT}
    ended = subprocess.run(
        [sys.executable, "-c", BEFORE + CRASHES[name]],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "MILLRACE_HOME": str(tmp_path / "home")},
        timeout=60,
    )
    assert ended.returncode != 0 and ended.stderr
    assert found_in({"stdout": ended.stdout, "stderr": ended.stderr}) == []


def test_production_refuses_a_weak_secret_without_showing_it(tmp_path: Path) -> None:
    weak = CANARIES["MILLRACE_TOKEN"].halves[0]
    ended = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "up"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "MILLRACE_ENV": "production",
            "MILLRACE_TOKEN": weak,
            "MILLRACE_HOME": str(tmp_path / "home"),
        },
        timeout=60,
    )
    assert "(token)" in ended.stderr and weak not in ended.stderr + ended.stdout


async def test_an_export_neither_repeats_a_password_nor_runs_as_a_formula() -> None:
    desk, secret = await open_desk(check_url=UrlGuard(SystemResolver()).check), CANARIES["OPENAI_API_KEY"]
    rows = [
        {"amazon_url": "https://shop.example/dp/1"},
        {"amazon_url": f"https://user:{secret.halves[0]}@shop.example/dp/1"},
        {"amazon_url": f"=HYPERLINK({secret.halves[0]})"},
        {"amazon_url": "https://shop.example/dp/2", "language": secret, "=cmd|' /C calc'!A0": "x"},
    ]
    async with desk.client() as client:
        made = await client.post("/submissions/batch", json=rows)
        assert made.status_code == 202, made.text
        table = await client.get(f"/submissions/batch/{made.json()['batch_id']}?format=csv")
    assert found_in({"answer": made.text, "table": table.text}) == []
    cells = [cell for row in csv.reader(io.StringIO(table.text)) for cell in row]
    assert len(cells) > 20 and not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
