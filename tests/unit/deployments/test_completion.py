"""Completion in a shell: a script for each, and commands that complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def millrace(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deployments.cli", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False, timeout=60
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    answer = millrace("completion", shell)
    assert answer.returncode == 0 and "_MILLRACE_COMPLETE" in answer.stdout


def test_a_command_that_was_begun_is_completed() -> None:
    asked = {"_MILLRACE_COMPLETE": "complete_bash", "COMP_WORDS": "millrace subm", "COMP_CWORD": "1"}
    assert millrace(**asked).stdout.split() == ["submit"]
