"""How many jobs of a queue one lane runs at once."""

from __future__ import annotations

import pytest

from deployments.queue_widths import with_widths
from spine.errors import NotConfiguredError

DECLARED = {"cards": 4, "batches": 2}


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        pytest.param("", DECLARED, id="as declared"),
        pytest.param("cards=20", {"cards": 20, "batches": 2}, id="one queue"),
        pytest.param(" cards=20 , batches=1,", {"cards": 20, "batches": 1}, id="two queues"),
        pytest.param("default=3", DECLARED, id="a queue of another lane"),
    ],
)
def test_the_operator_has_the_last_word_on_a_queue_s_width(given: str, widths: dict[str, int]) -> None:
    assert with_widths(DECLARED, given) == widths


@pytest.mark.parametrize("given", ["cards", "cards=", "cards=many", "cards=0", "=3", "cards=1001"])
def test_a_width_that_cannot_be_read_is_refused_by_name(given: str) -> None:
    with pytest.raises(NotConfiguredError, match="MILLRACE_QUEUE_WIDTHS"):
        with_widths(DECLARED, given)
