"""The little language of conditions: what it says, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from spine.errors import InvalidInputError
from tasks.module_graph.conditions import fields_of, holds, parse_condition

OUTPUT: dict[str, Any] = {
    "answerable": True,
    "score": 0.5,
    "count": 1,
    "category": "order",
    "entities": ["A1", "B2"],
    "nothing": None,
    "inner": {"deep": {"n": 3}},
}


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("answerable == true", True),
        ("answerable", True),
        ("not answerable", False),
        ("count == true", False),  # 1 is not true
        ("[count] == [true]", False),
        ("score >= 0.5", True),
        ("score > 0.5 or category == 'order'", True),
        ('category in ["billing", "order"]', True),
        ("category not in ['order']", False),
        ("'A1' in entities", True),
        ("'ord' in category", True),
        ("entities == []", False),
        ("nothing == null", True),
        ("inner.deep.n == 3 and not (score < 0)", True),
        ("0 < score < 1", True),
        ("count == -1", False),
    ],
)
def test_a_condition_is_true_or_false_of_an_output(condition: str, truth: bool) -> None:
    assert holds(condition, OUTPUT) is truth


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('true')",
        "entities[0] == 'A1'",
        "score + 1 > 1",
        "lambda: 1",
        "(x := 1)",
        "[x for x in entities]",
        "f'{score}'",
        "category == b'order'",
        "answerable is true",
        "answerable = true",
        "'text'.upper() == 'A'",
        "",
        "a" * 501,
        "(" * 400 + "a" + ")" * 400,
        "not " * 100 + "(",
    ],
)
def test_what_is_no_comparison_is_refused_and_never_run(condition: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_condition(condition)


def test_a_field_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(InvalidInputError, match=r"'anserable'.*answerable"):
        holds("anserable == true", OUTPUT)


def test_values_of_two_kinds_are_not_put_in_order() -> None:
    with pytest.raises(InvalidInputError, match="cannot be compared"):
        holds("category > 3", OUTPUT)


def test_the_fields_of_a_condition_are_known_before_it_is_asked() -> None:
    assert fields_of("inner.deep.n == 3 and score > null") == {"inner", "score"}
