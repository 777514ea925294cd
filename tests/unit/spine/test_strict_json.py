"""JSON from strangers means one thing or is refused."""

from __future__ import annotations

import pytest

from spine.errors import InvalidInputError
from spine.strict_json import read_json_object


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "line 1", id="empty"),
        pytest.param(b"[1]", "object", id="no object"),
        pytest.param(b"\xff\xfe{}", "UTF-8", id="another encoding"),
        pytest.param(b'{"a":1,"a":2}', "twice", id="a key twice"),
        pytest.param(b'{"x":[{"a":1,"a":2}]}', "twice", id="a key twice, inside"),
        pytest.param(b'{"a":NaN}', "NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "Infinity", id="infinity"),
        pytest.param(b'{"a":1e999}', "too large", id="a float beyond doubles"),
        pytest.param(b'{"a":%s}' % (b"9" * 5000), "too large", id="a number of 5,000 digits"),
        pytest.param(b'{"a":9223372036854775808}', "too large", id="one more than 64 bits"),
        pytest.param(b'{"a":"\\ud800"}', "surrogate", id="half a surrogate pair"),
        pytest.param(b'{"a":[["\\uDC00x"]]}', "surrogate", id="half a pair, inside"),
        pytest.param(b'{"\\ud800":1}', "surrogate", id="half a pair as a key"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep", id="100,000 levels"),
        pytest.param(b'{"a":1} x', "Extra data", id="something after it"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused_with_the_reason(body: bytes, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        read_json_object(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'{"a":9223372036854775807}', 2**63 - 1, id="64 bits"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', "😀", id="a whole pair"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', 1, id="a byte order mark"),
        pytest.param('{"a":"ș"}'.encode(), "ș", id="plain UTF-8"),
        pytest.param(b'{"a":"\\\\ud800"}', "\\ud800", id="a backslash that only looks like an escape"),
    ],
)
def test_the_rest_is_read(body: bytes, value: object) -> None:
    assert read_json_object(body) == {"a": value}
