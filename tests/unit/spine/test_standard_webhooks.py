"""Standard Webhooks 1.0: who signed this, when, and whether this is the very body."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from spine.errors import AuthenticationError, NotConfiguredError
from spine.standard_webhooks import signed_headers, signing_key, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"a second secret of the sender").decode()
BODY = b'{"type":"order.created"}'
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_published_example_is_signed_as_published() -> None:
    then = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", then, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def with_signature(*entries: str) -> dict[str, str]:
    return {**signed_headers([SECRET], "msg_1", NOW, BODY), "webhook-signature": " ".join(entries)}


GOOD = signed_headers([SECRET], "msg_1", NOW, BODY)["webhook-signature"]


@pytest.mark.parametrize(
    ("secrets", "headers"),
    [
        pytest.param([SECRET], signed_headers([SECRET], "msg_1", NOW, BODY), id="one secret, one signature"),
        pytest.param([OTHER, SECRET], signed_headers([SECRET], "msg_1", NOW, BODY), id="we rotate: two secrets"),
        pytest.param([SECRET], signed_headers([OTHER, SECRET], "msg_1", NOW, BODY), id="they rotate: two signatures"),
        pytest.param([SECRET], with_signature("v1a,abc", "v2,def", "junk", GOOD), id="among other versions"),
        pytest.param([SECRET.removeprefix("whsec_")], signed_headers([SECRET], "msg_1", NOW, BODY), id="no prefix"),
        pytest.param(
            [SECRET], signed_headers([SECRET], "msg_1", NOW - timedelta(seconds=299), BODY), id="almost too old"
        ),
        pytest.param(
            [SECRET], signed_headers([SECRET], "msg_1", NOW + timedelta(seconds=299), BODY), id="a clock that is fast"
        ),
    ],
)
def test_a_message_that_its_sender_signed_is_taken(secrets: list[str], headers: dict[str, str]) -> None:
    assert verify(secrets, headers, BODY, NOW) == "msg_1"


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in signed_headers([SECRET], "msg_1", NOW, BODY).items() if key != name}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(signed_headers([OTHER], "msg_1", NOW, BODY), BODY, id="another secret"),
        pytest.param(signed_headers([SECRET], "msg_1", NOW, BODY), BODY + b" ", id="another body"),
        pytest.param({**signed_headers([SECRET], "msg_1", NOW, BODY), "webhook-id": "msg_2"}, BODY, id="another id"),
        pytest.param(
            {**signed_headers([SECRET], "msg_1", NOW, BODY), "webhook-timestamp": str(int(NOW.timestamp()) + 1)},
            BODY,
            id="another time",
        ),
        pytest.param(signed_headers([SECRET], "msg_1", NOW - timedelta(seconds=301), BODY), BODY, id="replayed later"),
        pytest.param(signed_headers([SECRET], "msg_1", NOW + timedelta(seconds=301), BODY), BODY, id="from the future"),
        pytest.param(without("webhook-id"), BODY, id="no id"),
        pytest.param(without("webhook-timestamp"), BODY, id="no time"),
        pytest.param(without("webhook-signature"), BODY, id="no signature"),
        pytest.param(with_signature(GOOD.removeprefix("v1,")), BODY, id="no version"),
        pytest.param(with_signature(GOOD.replace("v1,", "v1a,")), BODY, id="another version's name"),
        pytest.param(with_signature("v1,ключ", "v1,", ",", "v1"), BODY, id="no base64"),
        pytest.param({**without("webhook-timestamp"), "webhook-timestamp": "nan"}, BODY, id="time is no number"),
        pytest.param({**without("webhook-timestamp"), "webhook-timestamp": "9" * 400}, BODY, id="time without end"),
        pytest.param({**without("webhook-id"), "webhook-id": "a b"}, BODY, id="id with a space"),
        pytest.param({}, BODY, id="no headers"),
    ],
)
def test_everything_else_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(AuthenticationError):
        verify([SECRET], headers, body, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "not base64 at all"])
def test_a_secret_that_is_none_is_a_matter_of_configuration_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(NotConfiguredError) as refused:
        signing_key(secret)
    assert not secret.removeprefix("whsec_") or secret not in refused.value.message


def test_no_secret_at_all_lets_nobody_in() -> None:
    with pytest.raises(AuthenticationError):
        verify([], signed_headers([SECRET], "msg_1", NOW, BODY), BODY, NOW)
