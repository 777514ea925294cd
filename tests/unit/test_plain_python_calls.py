"""A flow that is called from plain Python, where no stack is."""

from __future__ import annotations

import os
import subprocess
import sys

ASK = """
import flows
from prefect.settings import get_current_settings
print(get_current_settings().server.analytics_enabled)
"""


def test_the_server_that_such_a_call_starts_reports_to_nobody() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DO_NOT_TRACK"))}
    said = subprocess.run([sys.executable, "-c", ASK], env=bare, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "False"
