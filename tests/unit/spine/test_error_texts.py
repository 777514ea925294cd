"""What errors say reaches stores and Prefect as text that both take."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Failed, Running

from deployments import task_run_events
from deployments.task_run_events import TaskRunNews
from spine.error_texts import said
from spine.errors import PermanentError
from spine.jobs import describe
from spine.scarcity import is_scarcity
from tasks.module_graph import steps
from tasks.module_graph.worker import ModuleContext


class MuteError(RuntimeError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(ValueError("a\0b"), "a␀b", id="NUL"),
        pytest.param(ValueError("a\ud800b"), "a?b", id="half a surrogate pair"),
        pytest.param(MuteError(), "(its message cannot be read: __str__ raised RuntimeError)", id="no text"),
        pytest.param(ValueError(), "", id="nothing"),
    ],
)
def test_every_error_can_be_told(error: Exception, text: str) -> None:
    assert said(error) == text
    assert describe(error).message == (text or type(error).__name__)
    assert not is_scarcity(error)


def test_an_error_of_ours_says_nothing_that_cannot_be_kept() -> None:
    assert str(PermanentError("it quotes a\0b")) == "it quotes a␀b"


async def test_a_modules_error_without_a_text_is_told_with_the_module_and_its_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def raises(*_: Any) -> dict[str, Any]:
        raise MuteError

    monkeypatch.setattr(steps, "_run", raises)
    with pytest.raises(PermanentError, match=r"Module mute met MuteError: \(its message cannot be read"):
        await steps.run_module.fn("key", ModuleContext(module="mute"), {}, "none", 5)


def test_no_nul_goes_to_prefect_with_a_task_run(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(task_run_events, "emit_task_run_state_change_event", lambda *event: told.extend(event))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    run = TaskRun(task_key="k", dynamic_key="1", name="article on a\0b", flow_run_id=uuid4())
    TaskRunNews().tell(run, Running(message="again\0"), Failed(message="met a\0b"))
    sent, before, now = cast("tuple[TaskRun, State[Any], State[Any]]", told)
    assert (sent.name, before.message, now.message) == ("article on a␀b", "again␀", "met a␀b")
