"""The dashboard in the reader's language, and catalogues that have a translation for all that it says."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, cast

import httpx
import pytest

from gateway.catalogues import said
from gateway.languages import languages
from tests.gateway.gateway_desk import BEARER, Desk

_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}|<\w+>")


def test_there_are_four_languages_with_their_own_names() -> None:
    assert {code: one.name for code, one in languages().items()} == {
        "en": "English",
        "pt": "Português",
        "ro": "Română",
        "uk": "Українська",
    }


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_every_message_is_translated_and_keeps_its_placeholders(code: str) -> None:
    language = languages()[code]
    for message in cast(Any, said()):
        if not message.id:
            continue
        one, many = message.id if isinstance(message.id, tuple) else (message.id, message.id)
        told = [language.ngettext(one, many, n) for n in (1, 2, 5, 21)] if one != many else [language.gettext(one)]
        for text in told:
            assert text, one
            assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(many)), (one, text)


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_hardly_a_message_stays_english(code: str) -> None:
    language = languages()[code]
    texts = [message.id for message in cast(Any, said()) if isinstance(message.id, str) and message.id]
    same = [text for text in texts if language.gettext(text) == text]
    assert len(same) < len(texts) / 10, same


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        pytest.param("pt-BR,pt;q=0.9,en;q=0.5", "pt", id="a region of a language that is there"),
        pytest.param("uk", "uk", id="a language that is there"),
        pytest.param("de,fr;q=0.9", "en", id="no language that is there"),
        pytest.param("ro;q=0.1, en;q=0.9", "en", id="weights count"),
        pytest.param("", "en", id="no wish"),
        pytest.param(";;q=x,,*", "en", id="nonsense"),
    ],
)
async def test_a_browser_gets_what_it_asks_for(client: httpx.AsyncClient, wish: str, code: str) -> None:
    answer = await client.get("/", headers={"Accept-Language": wish})
    assert answer.headers["content-language"] == code and f'<html lang="{code}">' in answer.text


async def test_a_choice_is_remembered_and_leads_back(desk: Desk) -> None:
    async with desk.client() as reader:
        answer = await reader.post("/language", params={"next": "/jobs"}, data={"language": "ro"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
        assert '<html lang="ro">' in (await reader.get("/jobs")).text
        await reader.post("/language", data={"language": "tlh"})
        assert '<html lang="ro">' in (await reader.get("/jobs")).text


_ACTION = re.compile(r'action="(/language\?[^"]+)"')


@pytest.mark.parametrize(
    ("address", "led_to"),
    [
        pytest.param("/jobs?status=SUCCESS", "/jobs?status=SUCCESS", id="a filter"),
        pytest.param("/reviews?q=a%26b%3D%C4%83&status=", "/reviews?q=a%26b%3D%C4%83&status=", id="signs in it"),
        pytest.param("/card/a%20%3Fb?x=1", "/card/a%20%3Fb?x=1", id="signs in the path"),
        pytest.param("/jobs?next=//evil.example", "/jobs?next=//evil.example", id="another site stays a value"),
        pytest.param(f"/jobs?x={'y' * 2000}", "/jobs", id="too long to be led back to"),
        pytest.param("//evil.example/x?y", "/", id="another site"),
    ],
)
async def test_another_language_leads_back_to_the_same_address(desk: Desk, address: str, led_to: str) -> None:
    async with desk.client() as reader:
        # As a whole address, because a client takes what begins with // for another site.
        asked = httpx.Request("GET", f"http://gateway.test{address}", headers={**BEARER, "Accept": "text/html"})
        found = _ACTION.search((await reader.send(asked)).text)
        assert found is not None
        answer = await reader.post(unescape(found[1]), data={"language": "ro"})
        assert (answer.status_code, answer.headers["location"]) == (303, led_to)
