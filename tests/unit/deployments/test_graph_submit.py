"""The fields of `millrace graph submit`."""

from __future__ import annotations

import pytest

from deployments.cli.graph_commands import _input  # pyright: ignore[reportPrivateUsage]
from spine.errors import InvalidInputError


def test_fields_stand_over_the_json_and_are_json_where_they_can_be() -> None:
    assert _input('{"a": 1, "b": 2}', ["b=true", "c=x=y", "d="]) == {"a": 1, "b": True, "c": "x=y", "d": ""}


@pytest.mark.parametrize("field", ["=1", "=", "", "word"])
def test_a_field_has_a_name_and_a_value(field: str) -> None:
    with pytest.raises(InvalidInputError, match=f"'{field}' is no field; write key=value"):
        _input("{}", [field])
