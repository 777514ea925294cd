"""What a command does where its output cannot be shown, or goes nowhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.stack.environment import save_environment
from deployments.stack.home import Home


def millrace(home: Path, command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a shell, so that it can close its descriptors."""
    return subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(sys.executable)} -m deployments.cli {command}"],
        capture_output=True,
        env={**os.environ, "MILLRACE_HOME": str(home), **environment},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [("status >&-", 3), ("down >&-", 0), ("status --json >&-", 3), ("env 2>&-", 1), ("status >&- 2>&-", 3)],
)
def test_a_command_that_nobody_hears_ends_as_it_would(tmp_path: Path, command: str, code: int) -> None:
    done = millrace(tmp_path / "home", command)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("command", ["graph show customer-question", "doctor"])
def test_what_the_terminal_cannot_show_is_said_in_ascii(tmp_path: Path, command: str) -> None:
    done = millrace(tmp_path / "home", command, MILLRACE_BROWSER="/nowhere", **ASCII)
    assert done.stdout.isascii() and b"\\u2" in done.stdout
    assert done.stderr == b""


def test_exports_hold_the_bytes_of_a_path_whatever_the_locale_can_show(tmp_path: Path) -> None:
    home = Home(tmp_path / "höme")
    home.prepare()
    told = {"MILLRACE_HOME": str(home.root), "MILLRACE_PORT": "1", "MILLRACE_TOKEN": "token"}
    save_environment(home, told)
    done = millrace(home.root, "env", **ASCII)
    assert f"export MILLRACE_HOME={shlex.quote(str(home.root))}".encode() in done.stdout.splitlines()
