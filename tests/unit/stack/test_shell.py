"""What a shell that has evaluated `millrace env` means for the stack that a command is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.stack.shell import MARK, chosen_admin_token, forget_another_stack, marked
from spine.errors import InvalidInputError

OF_LAST_WEEK = marked({"MILLRACE_HOME": "/home", "MILLRACE_PORT": "8800", "MILLRACE_TOKEN": "old"})


@pytest.mark.parametrize(
    ("token", "shell", "chosen"),
    [
        pytest.param(None, {}, None, id="none is set"),
        pytest.param("mine", {}, "mine", id="a person set it"),
        pytest.param("old", OF_LAST_WEEK, None, id="the shell only has it from `millrace env`"),
        pytest.param("new", OF_LAST_WEEK, "new", id="a person set another one in such a shell"),
        pytest.param("old", {MARK: "nonsense"}, "old", id="a mark that cannot be read"),
        pytest.param("old", {MARK: '{"home": 3, "told": []}'}, "old", id="a mark of another kind"),
    ],
)
def test_a_token_that_a_person_set_is_chosen(token: str | None, shell: dict[str, str], chosen: str | None) -> None:
    assert chosen_admin_token(token, shell) == chosen


@pytest.mark.parametrize("token", ["mlr.token_0193f0a2b4c1d2e3f4a5b6c7.secret", "ää", "two\nlines"])
def test_what_cannot_be_an_admin_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidInputError, match="MILLRACE_TOKEN"):
        chosen_admin_token(token, {})


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
