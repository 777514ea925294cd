"""What a shell that has evaluated `millrace env` means for another stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from spine.errors import NotConfiguredError
from spine.evaluated_shell import MARK, forget_another_stack, marked, require_no_other_stack

TOLD = marked(
    {"MILLRACE_HOME": "/a", "MILLRACE_PORT": "8800", "MILLRACE_REDIS_URL": "redis://a", "PREFECT_HOME": "/a/p"}
)


def test_what_another_stack_told_the_shell_is_forgotten() -> None:
    shell = {**TOLD, "MILLRACE_HOME": "/b", "OPENAI_API_KEY": "mine"}
    assert forget_another_stack(Path("/b"), shell) == Path("/a")
    assert shell == {"MILLRACE_HOME": "/b", "OPENAI_API_KEY": "mine"}
    assert forget_another_stack(Path("/b"), shell) is None


def test_what_a_person_set_in_such_a_shell_stays() -> None:
    shell = {**TOLD, "MILLRACE_HOME": "/b", "MILLRACE_PORT": "9000", "MILLRACE_REDIS_URL": "redis://mine"}
    forget_another_stack(Path("/b"), shell)
    assert shell == {"MILLRACE_HOME": "/b", "MILLRACE_PORT": "9000", "MILLRACE_REDIS_URL": "redis://mine"}


@pytest.mark.parametrize("shell", [TOLD, {"MILLRACE_PORT": "8800"}, {**TOLD, MARK: "nonsense"}])
def test_a_shell_of_the_stack_itself_or_of_none_keeps_all(shell: dict[str, str]) -> None:
    kept = dict(shell)
    assert forget_another_stack(Path("/a"), kept) is None
    assert kept == shell


def test_a_process_that_works_in_another_home_is_told_whose_addresses_it_has() -> None:
    with pytest.raises(NotConfiguredError, match="of the stack in /a, and MILLRACE_HOME is /b"):
        require_no_other_stack(Path("/b"), {**TOLD, "MILLRACE_HOME": "/b"})


@pytest.mark.parametrize(
    "shell", [TOLD, {}, {**TOLD, MARK: "nonsense"}, {MARK: TOLD[MARK], "MILLRACE_HOME": "/a", "MILLRACE_PORT": "9000"}]
)
def test_a_process_of_the_same_home_or_without_such_addresses_works(shell: dict[str, str]) -> None:
    require_no_other_stack(Path("/a"), shell)
