"""Speaking to a WordPress that is slow, moved, overloaded, hidden or not there."""

from __future__ import annotations

import json
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from blocks.wordpress_site import WordPressSite
from spine.adapters.wordpress import WordPressRest
from spine.adapters.wordpress_errors import answer_error
from spine.errors import (
    AuthenticationError,
    BlockedUrlError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotFoundError,
    PageTooLargeError,
    PermanentError,
    RateLimitError,
    TimeLimitError,
)
from spine.publishing_port import SiteLogin
from spine.testing.loopback_site import LoopbackSite, SiteAnswer

POSTS = "/wp-json/wp/v2/posts"
POST = {"id": 4, "slug": "mark", "status": "draft", "link": "http://blog.example/?p=4", "featured_media": 0}
SECRET = "canary abcd EFGH 1234"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackSite]:
    async with LoopbackSite() as one:
        yield one


Opener = Callable[..., WordPressRest]


@pytest.fixture
async def opened(server: LoopbackSite) -> AsyncIterator[Opener]:
    sites: list[WordPressRest] = []

    def open_site(path: str = "", **options: Any) -> WordPressRest:
        sites.append(WordPressRest(SiteLogin(server.url(path), "editor", SecretStr(SECRET)), **options))
        return sites[-1]

    yield open_site
    for site in sites:
        await site.close()


def answer(body: Any, status: int = 200, **headers: str) -> SiteAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SiteAnswer(json.dumps(body), status=status, content_type="application/json", headers=named)


async def test_the_site_that_the_operator_named_is_reached_on_a_private_address(
    server: LoopbackSite, opened: Opener
) -> None:
    server.page(POSTS, answer(POST))
    assert (await opened().create_draft("mark", "Title")).id == 4
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert json.loads(server.requests[0].body) == {"status": "draft", "slug": "mark", "title": "Title"}


async def test_a_site_in_a_folder_is_asked_there(server: LoopbackSite, opened: Opener) -> None:
    server.page("/blog" + POSTS, answer(POST))
    site = opened("/blog/")
    await site.create_draft("mark", "Title")
    assert site.name == f"{server.authority}/blog"


async def test_without_pretty_permalinks_the_other_spelling_of_the_address_is_used(
    server: LoopbackSite, opened: Opener
) -> None:
    server.page("/", answer(POST))
    site = opened()
    for _ in range(2):
        await site.create_draft("mark", "Title")
    assert [request.path for request in server.requests] == [POSTS, "/", "/"]
    assert "rest_route=%2Fwp%2Fv2%2Fposts" in server.requests[1].query


ANSWERS: list[Any] = [
    pytest.param(answer({}, 429, Retry_After="7"), RateLimitError, "fewer calls", id="429"),
    pytest.param(answer({}, 503, Retry_After="7"), RateLimitError, "fewer calls", id="503 with Retry-After"),
    pytest.param(SiteAnswer("down", 503), ExternalServiceError, "HTTP 503", id="503"),
    pytest.param(SiteAnswer("oops", 500), ExternalServiceError, "HTTP 500", id="a PHP error"),
    pytest.param(SiteAnswer("<html>parked</html>"), ExternalServiceError, "JSON", id="a page"),
    pytest.param(answer([]), ExternalServiceError, "shape", id="another shape"),
    pytest.param(answer({"id": "x"}), ExternalServiceError, "shape", id="a post without its fields"),
    pytest.param(SiteAnswer("<html>no</html>", 403), PermanentError, "firewall", id="a firewall"),
    pytest.param(SiteAnswer("x" * 10_000_001), PageTooLargeError, "larger", id="an endless answer"),
    pytest.param(answer({"code": "rest_no_route", "message": "No route"}, 404), NotFoundError, "No route", id="404"),
]


@pytest.mark.parametrize(("sent", "error", "words"), ANSWERS)
async def test_an_answer_that_is_no_post_is_an_error_of_ours(
    server: LoopbackSite, opened: Opener, sent: SiteAnswer, error: type[MillraceError], words: str
) -> None:
    server.page(POSTS, sent)
    with pytest.raises(error, match=words) as raised:
        await opened().create_draft("mark", "Title")
    assert type(raised.value) is error
    assert getattr(raised.value, "retry_after", None) in (None, 7.0)


async def test_where_there_is_no_wordpress_the_operator_is_told_what_to_put_into_the_block(opened: Opener) -> None:
    with pytest.raises(InvalidInputError, match="home into the block"):
        await opened().create_draft("mark", "Title")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed_so_the_password_goes_nowhere_else(
    server: LoopbackSite, opened: Opener, status: int
) -> None:
    server.redirect(POSTS, server.url("/elsewhere", host="localhost"), status)
    with pytest.raises(BlockedUrlError, match="final address into the WordPress block"):
        await opened().create_draft("mark", "Title")
    assert server.counts == {POSTS: 1}


async def test_a_slow_site_ends_the_call_at_its_time_limit(server: LoopbackSite, opened: Opener) -> None:
    server.page(POSTS, SiteAnswer("{}", wait=5))
    with pytest.raises(TimeLimitError) as raised:
        await opened(timeout=0.1).create_draft("mark", "Title")
    assert raised.value.details == {"limit_seconds": 0.1}


async def test_a_site_that_is_not_there_may_come_back() -> None:
    async with LoopbackSite() as server:
        url = server.url()
    site = WordPressRest(SiteLogin(url, "editor", SecretStr(SECRET)))
    with pytest.raises(ExternalServiceError, match="could not be reached"):
        await site.create_draft("mark", "Title")
    await site.close()


async def test_a_rest_api_that_was_switched_off_does_not_look_like_a_deleted_post(
    server: LoopbackSite, opened: Opener
) -> None:
    server.page(POSTS + "/4", answer({"code": "rest_no_route", "message": "No route"}, 404))
    server.page(POSTS + "/5", answer({"code": "rest_post_invalid_id", "message": "Invalid post ID."}, 404))
    with pytest.raises(NotFoundError):
        await opened().post(4)
    assert await opened().post(5) is None


async def test_the_password_is_in_no_error_and_no_repr(server: LoopbackSite, opened: Opener) -> None:
    login = SiteLogin(server.url(), "editor", SecretStr(SECRET))
    for sent in (answer({"message": "no"}, 401), SiteAnswer("x", 500), answer([]), SiteAnswer("x", 403)):
        server.page(POSTS, sent)
        with pytest.raises(MillraceError) as raised:
            await opened().create_draft("mark", "Title")
        assert SECRET not in repr((raised.value, raised.value.details, raised.value.__cause__, login))


BASIC = b64encode(f"editor:{SECRET}".encode()).decode()
SECRET_PARTS = ("canary", "abcd", "EFGH", "1234", BASIC, BASIC[12:-4])

ECHOES: list[Any] = [
    pytest.param(answer({"code": "x", "message": f"You came with {SECRET}"}, 401), id="as it is"),
    pytest.param(answer({"code": "x", "message": f"Authorization: Basic {BASIC}"}, 403), id="as the header had it"),
    pytest.param(answer({"code": "x", "message": SECRET.replace(" ", "")}, 400), id="without its blanks"),
    pytest.param(answer({"code": "x", "message": quote(SECRET)}, 500), id="as in an address"),
    pytest.param(answer({"code": "x", "message": "no", "data": {"headers": [{BASIC: SECRET}]}}, 400), id="in its data"),
    pytest.param(answer({"code": "x", "message": "no " * 60 + SECRET}, 400), id="where the message is cut"),
    pytest.param(answer({"id": SECRET, "slug": BASIC}), id="in a post that is none"),
    pytest.param(SiteAnswer(status=302, headers={"Location": f"/login?was={quote(SECRET)}"}), id="in a redirect"),
    pytest.param(answer({}, 500, **{f"X Was: {BASIC}\r\n": "x"}), id="in a header that is none"),
]


@pytest.mark.parametrize("sent", ECHOES)
async def test_a_site_that_repeats_the_login_puts_it_into_no_error(
    server: LoopbackSite, opened: Opener, sent: SiteAnswer
) -> None:
    server.page(POSTS, sent)
    with pytest.raises(MillraceError) as raised:
        await opened().create_draft("mark", "Title")
    told = "".join(traceback.format_exception(raised.value)) + repr(raised.value.details)
    assert [part for part in SECRET_PARTS if part in told] == []


async def test_a_site_that_repeats_the_login_puts_it_into_no_post(server: LoopbackSite, opened: Opener) -> None:
    server.page(POSTS, answer({**POST, "slug": f"mark-{SECRET}", "link": f"http://blog.example/{BASIC}"}))
    post = await opened().create_draft("mark", "Title")
    assert post.id == 4
    assert [part for part in SECRET_PARTS if part in repr(post)] == []


def test_the_block_hands_out_its_login_and_hides_the_password() -> None:
    block = WordPressSite(url="https://blog.example", username="editor", application_password=SecretStr(SECRET))
    assert block.login == SiteLogin("https://blog.example", "editor", SecretStr(SECRET))
    assert SECRET not in repr(block) + str(block.model_dump()) + block.model_dump_json()


BAD_ADDRESSES = [
    pytest.param("http://blog.example", InvalidInputError, "https://", id="http over the internet"),
    pytest.param("http://93.184.216.34", InvalidInputError, "https://", id="http to a public number"),
    pytest.param("https://blog.example/?p=1", InvalidInputError, "query", id="with a query"),
    pytest.param("https://user:pass@blog.example", BlockedUrlError, "password", id="with a login in it"),
    pytest.param("blog.example", BlockedUrlError, "full http", id="without a scheme"),
    pytest.param("file:///etc/passwd", BlockedUrlError, "full http", id="a file"),
]


@pytest.mark.parametrize(("url", "error", "words"), BAD_ADDRESSES)
def test_an_address_that_must_not_be_used_is_refused_before_anything_is_sent(
    url: str, error: type[MillraceError], words: str
) -> None:
    with pytest.raises(error, match=words):
        WordPressRest(SiteLogin(url, "editor", SecretStr(SECRET)))


@pytest.mark.parametrize(
    "url", ["https://blog.example/", "http://localhost:8080", "http://wordpress", "http://10.0.0.7"]
)
def test_https_anywhere_and_http_on_the_local_network_are_taken(url: str) -> None:
    assert WordPressRest(SiteLogin(url, "editor", SecretStr(SECRET))).name == url.rstrip("/").partition("://")[2]


REAL_REFUSALS = [
    "error_401_rest_cannot_create_en",
    "error_401_rest_cannot_create_es",
    "error_401_rest_not_logged_in_es",
]


@pytest.mark.parametrize("name", REAL_REFUSALS)
def test_refusals_that_real_sites_sent_ask_for_a_new_password_in_any_language(shared_data: Path, name: str) -> None:
    body = json.loads((shared_data / "wordpress" / f"{name}.json").read_text())
    error = answer_error(401, {}, body, service="blog.example", username="editor")
    assert isinstance(error, AuthenticationError)
    assert body["message"].strip(". ") in error.message
    assert "Application Passwords" in error.message


def test_markup_in_a_message_is_not_passed_on() -> None:
    body = {"code": "invalid_username", "message": "<strong>Error:</strong> Unknown &amp; odd"}
    error = answer_error(401, {}, body, service="blog.example", username="editor")
    assert error is not None
    assert "answered: Error: Unknown & odd. The" in error.message


async def test_a_site_that_answers_unknown_addresses_with_its_front_page_is_spoken_to_in_the_other_spelling(
    server: LoopbackSite, opened: Opener
) -> None:
    server.page(POSTS + "/4", SiteAnswer("<!DOCTYPE html><title>Home</title>"))
    server.page("/", answer(POST))
    post = await opened().post(4)
    assert post is not None and post.id == 4
    assert "rest_route" in server.requests[-1].query


async def test_a_write_is_not_sent_again_when_its_answer_cannot_be_read(server: LoopbackSite, opened: Opener) -> None:
    server.page(POSTS, SiteAnswer("<br /><b>Warning</b>: something"))
    with pytest.raises(MillraceError, match="JSON"):
        await opened().create_draft("mark", "Title")
    assert server.counts == {POSTS: 1}
