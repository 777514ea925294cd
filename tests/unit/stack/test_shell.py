"""Which of a shell's tokens becomes the admin token of the stack that `up` starts."""

from __future__ import annotations

import pytest

from deployments.stack.shell import chosen_admin_token
from spine.errors import InvalidInputError
from spine.evaluated_shell import MARK, marked

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
