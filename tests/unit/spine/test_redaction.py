"""A secret is recognised in whatever form a server repeats it."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from spine.adapters.redaction import HIDDEN, SHORTEST_SECRET, cleared, without_secrets

SECRET = 'begin/0f3a"mid dle+7c1e=ü-end99'
PARTS = ("begin", "0f3a", "7c1e", "end99")


def base64_with(before: str) -> str:
    return b64encode(f"{before}{SECRET}!".encode()).decode()


FORMS = {
    "as it is": SECRET,
    "in JSON": json.dumps(SECRET),
    "in JSON that keeps its letters": json.dumps(SECRET, ensure_ascii=False),
    "in JSON as PHP writes it": json.dumps(SECRET).replace("/", "\\/"),
    "in JSON inside JSON": json.dumps(json.dumps(SECRET)),
    "in JSON inside JSON inside JSON": json.dumps(json.dumps(json.dumps({"key": SECRET}))),
    "in an address": quote(SECRET, safe=""),
    "in an address in small letters": quote(SECRET, safe="").lower(),
    "in an address, its slash kept": quote(SECRET),
    "in a form": quote_plus(SECRET),
    "in an address inside an address": quote(quote(SECRET, safe=""), safe=""),
    "in a page": html.escape(SECRET),
    "in a page by numbers": SECRET.replace('"', "&#34;").replace("ü", "&#xfc;"),
    "in a Python repr": repr({"key": SECRET}),
    "among other words": f"the key {SECRET} is wrong",
}


@pytest.mark.parametrize("said", FORMS.values(), ids=FORMS)
def test_a_secret_is_taken_out_in_every_form(said: str) -> None:
    told = without_secrets(said, [SECRET])
    assert HIDDEN in told
    assert [part for part in PARTS if part in told] == []


@pytest.mark.parametrize("before", ["", "a", "ab", "editor:", "Bearer "])
@pytest.mark.parametrize("coded", [b64encode, urlsafe_b64encode])
def test_a_secret_is_taken_out_of_base64_wherever_it_begins(before: str, coded: type[bytes]) -> None:
    told = without_secrets(coded(f"{before}{SECRET}!".encode()).decode(), [SECRET])
    assert HIDDEN in told
    assert len(told.replace(HIDDEN, "")) <= len(coded(before.encode())) + 4


def test_base64_in_its_address_form_is_known() -> None:
    secret = "~~~???>>>~~~"
    told = without_secrets(urlsafe_b64encode(secret.encode()).decode().rstrip("="), [secret])
    assert told.startswith(HIDDEN) and len(told) < len(HIDDEN) + 2


def test_every_text_of_an_answer_is_cleared_and_nothing_else() -> None:
    answer = {"list": [f"x {SECRET}", 1, None, True], SECRET: {"deep": SECRET}, "kept": "the tide"}
    assert cleared(answer, [SECRET]) == {
        "list": [f"x {HIDDEN}", 1, None, True],
        HIDDEN: {"deep": HIDDEN},
        "kept": "the tide",
    }


@pytest.mark.parametrize("secret", ["", "test", "a" * (SHORTEST_SECRET - 1)])
def test_a_short_key_is_a_word_that_stays_in_a_text(secret: str) -> None:
    assert without_secrets("a test aaaaaaaaa", [secret]) == "a test aaaaaaaaa"


def test_a_text_that_has_nothing_to_hide_is_the_same() -> None:
    text = "The keeper's clock, chapter 1 + 2 = 3 / 4."
    assert without_secrets(text, [SECRET, "another-secret"]) == text
