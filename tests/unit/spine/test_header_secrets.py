"""Senders that cannot sign: who is recognised, and what identifies their messages."""

from __future__ import annotations

import pytest

from spine.errors import AuthenticationError, NotConfiguredError
from spine.header_secrets import check_secret, recognised, signing

SECRET, OTHER = "a shop's secret".replace(" ", "-"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type": "book.listed"}'


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_any_of_the_secrets_opens(secret: str) -> None:
    headers = {"x-millrace-secret": secret, "webhook-id": "msg_1"}
    assert recognised([SECRET, OTHER], headers, BODY) == "msg_1"


def test_without_an_id_the_same_body_is_the_same_message_and_another_is_not() -> None:
    headers = {"x-millrace-secret": SECRET}
    first, again, other = (recognised([SECRET], headers, body) for body in (BODY, BODY, BODY + b" "))
    assert first == again != other


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no secret"),
        pytest.param({"x-millrace-secret": ""}, id="an empty one"),
        pytest.param({"x-millrace-secret": SECRET + "x"}, id="another one"),
        pytest.param({"x-millrace-secret": "ключ"}, id="one that is no ASCII"),
        pytest.param({"x-millrace-secret": SECRET, "webhook-id": "one\ntwo"}, id="an id that is none"),
    ],
)
def test_everybody_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError):
        recognised([SECRET, ""], headers, BODY)


@pytest.mark.parametrize(
    ("secret", "fits"),
    [
        pytest.param(OTHER, True, id="for signatures"),
        pytest.param(SECRET, True, id="for the header"),
        pytest.param("whsec_!!!", False, id="a signing secret that is no base64"),
        pytest.param("", False, id="empty"),
        pytest.param("two words", False, id="with a space"),
        pytest.param("x" * 201, False, id="too long"),
    ],
)
def test_a_secret_that_could_never_be_sent_is_refused_when_it_is_saved(secret: str, fits: bool) -> None:
    if fits:
        check_secret(secret)
        return
    with pytest.raises(NotConfiguredError) as refused:
        check_secret(secret)
    assert not secret or secret not in refused.value.message


def test_only_secrets_that_are_keys_take_part_in_signatures() -> None:
    assert signing([SECRET, OTHER]) == [OTHER]
