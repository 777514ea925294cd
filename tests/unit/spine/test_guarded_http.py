"""Fetching over HTTP under the guard, against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product
from pathlib import Path

import httpx
import pytest

from spine.adapters.guarded_http import GuardedHttpFetcher, guarded_client
from spine.adapters.system_resolver import SystemResolver
from spine.errors import (
    BlockedUrlError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    PageTooLargeError,
    RateLimitError,
    TimeLimitError,
)
from spine.http_status import retry_after_seconds
from spine.ports import FetchedPage, PageFetcher
from spine.testing.loopback_site import LoopbackSite, SiteAnswer
from spine.testing.memory_pages import MemoryPages
from spine.testing.scripted_resolver import ScriptedResolver
from spine.testing.site_certificate import serving_context, trusting_context, write_certificate

NAME = "books.example"


@pytest.fixture
async def site() -> AsyncIterator[LoopbackSite]:
    async with LoopbackSite() as one:
        one.page("/", "<p>hello</p>")
        yield one


@pytest.fixture
async def fetcher(site: LoopbackSite) -> AsyncIterator[GuardedHttpFetcher]:
    one = GuardedHttpFetcher(allow=site.allow)
    yield one
    await one.close()


async def test_a_page_comes_back_as_it_was_sent(site: LoopbackSite, fetcher: GuardedHttpFetcher) -> None:
    url = site.page("/latin", SiteAnswer("café".encode("latin-1"), content_type="text/html; charset=ISO-8859-1"))
    page = await fetcher.fetch(url + "?a=b#part")
    assert page == FetchedPage(
        url=url + "?a=b#part",
        final_url=url + "?a=b",
        status=200,
        content=b"caf\xe9",
        content_type="text/html; charset=ISO-8859-1",
        fetched_by="http",
    )


async def test_requests_look_like_a_browser_in_the_configured_language(site: LoopbackSite) -> None:
    fetcher = GuardedHttpFetcher(allow=site.allow, accept_language="pl,en;q=0.5")
    await fetcher.fetch(site.url())
    await fetcher.close()
    sent = site.requests[0].headers
    assert sent["user-agent"].startswith("Mozilla/5.0")
    assert sent["accept-language"] == "pl,en;q=0.5"
    assert sent["host"] == site.authority


async def test_environment_proxies_are_not_used(site: LoopbackSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    fetcher = GuardedHttpFetcher(allow=site.allow)
    assert (await fetcher.fetch(site.url())).status == 200
    await fetcher.close()


async def test_cookies_do_not_survive_a_response(site: LoopbackSite, fetcher: GuardedHttpFetcher) -> None:
    site.page("/set", SiteAnswer(status=302, headers={"Set-Cookie": "a=b; Path=/", "Location": "/"}))
    await fetcher.fetch(site.url("/set"))
    await fetcher.fetch(site.url())
    assert all("cookie" not in request.headers for request in site.requests)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(site: LoopbackSite, fetcher: GuardedHttpFetcher, status: int) -> None:
    site.redirect("/old", "/?moved", status)
    page = await fetcher.fetch(site.url("/old"))
    assert (page.url, page.final_url) == (site.url("/old"), site.url("/?moved"))


REFUSED_TARGETS = {
    "loopback": "http://127.0.0.1:1234/",
    "scheme relative": "//127.0.0.1:1234/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "decimal": "http://2130706433/",
    "mapped": "http://[::ffff:127.0.0.1]/",
    "user": "http://example.com@127.0.0.1/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "data": "data:text/html,hello",
    "backslashes": "\\\\127.0.0.1\\",
}


@pytest.mark.parametrize("target", REFUSED_TARGETS.values(), ids=REFUSED_TARGETS.keys())
async def test_a_redirect_to_a_refused_address_is_refused(
    site: LoopbackSite, fetcher: GuardedHttpFetcher, target: str
) -> None:
    with pytest.raises(BlockedUrlError):
        await fetcher.fetch(site.redirect("/out", target))


async def test_five_redirects_are_followed_and_a_sixth_is_refused(
    site: LoopbackSite, fetcher: GuardedHttpFetcher
) -> None:
    for step in range(1, 7):
        site.redirect(f"/{step}", f"/{step - 1}" if step > 1 else "/")
    assert (await fetcher.fetch(site.url("/5"))).final_url == site.url("/")
    with pytest.raises(BlockedUrlError):
        await fetcher.fetch(site.url("/6"))


async def test_a_redirect_loop_ends_after_six_requests(site: LoopbackSite, fetcher: GuardedHttpFetcher) -> None:
    with pytest.raises(BlockedUrlError):
        await fetcher.fetch(site.redirect("/loop", "/loop"))
    assert site.counts["/loop"] == 6


async def test_headers_reach_the_site_that_was_asked_and_no_other(site: LoopbackSite) -> None:
    async with LoopbackSite() as other:
        other.page("/", "elsewhere")
        site.redirect("/here", "/there")
        site.redirect("/there", other.url())
        fetcher = GuardedHttpFetcher(allow=site.allow | other.allow)
        given = {"Authorization": "Bearer key", "X-Api-Key": "key", "Accept": "application/json"}
        await fetcher.fetch(site.url("/here"), headers=given)
        await fetcher.close()
    assert [request.headers.get("x-api-key") for request in site.requests] == ["key", "key"]
    assert {"authorization", "x-api-key"}.isdisjoint(other.requests[0].headers)
    assert other.requests[0].headers["accept"] == "application/json"


@pytest.mark.parametrize("headers", [{"Host": "other"}, {"X": "a\r\nY: b"}, {"Content-Length": "5"}, {"X": "ż"}])
async def test_headers_that_would_change_the_request_itself_are_refused(
    site: LoopbackSite, fetcher: GuardedHttpFetcher, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError):
        await fetcher.fetch(site.url(), headers=headers)
    assert site.requests == []


# The address that was checked is the one connected to


async def test_a_private_address_is_refused_without_a_connection(site: LoopbackSite) -> None:
    fetcher = GuardedHttpFetcher(resolver=ScriptedResolver(["127.0.0.1"]))
    for url in (site.url(), site.url(host=NAME)):
        with pytest.raises(BlockedUrlError):
            await fetcher.fetch(url)
    await fetcher.close()
    assert site.requests == []


async def test_a_name_is_resolved_once_and_that_answer_is_connected_to(site: LoopbackSite) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["169.254.169.254"])
    fetcher = GuardedHttpFetcher(frozenset({f"{NAME}:{site.port}"}), resolver)
    page = await fetcher.fetch(site.url(host=NAME))
    await fetcher.close()
    assert page.status == 200
    assert resolver.asked == [NAME]
    assert site.requests[0].headers["host"] == f"{NAME}:{site.port}"


async def test_a_name_with_a_private_address_among_public_ones_is_refused(site: LoopbackSite) -> None:
    fetcher = GuardedHttpFetcher(resolver=ScriptedResolver(["93.184.215.14", "127.0.0.1"]))
    with pytest.raises(BlockedUrlError, match=r"127\.0\.0\.1"):
        await fetcher.fetch(site.url(host=NAME))
    await fetcher.close()


async def test_the_next_address_is_tried_when_one_does_not_answer(site: LoopbackSite) -> None:
    resolver = ScriptedResolver(["127.0.0.2", "127.0.0.1"])
    fetcher = GuardedHttpFetcher(frozenset({f"{NAME}:{site.port}"}), resolver)
    assert (await fetcher.fetch(site.url(host=NAME))).status == 200
    await fetcher.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "site.pem", NAME)


async def test_tls_is_verified_for_the_name_although_the_connection_goes_to_the_address(certificate: Path) -> None:
    served = serving_context(certificate)
    seen: list[str | None] = []
    served.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with LoopbackSite(tls=served) as site:
        site.page("/", "secure")
        allow = frozenset({f"{NAME}:{site.port}", f"other.example:{site.port}"})
        fetcher = GuardedHttpFetcher(allow, ScriptedResolver(), ssl_context=trusting_context(certificate))
        assert (await fetcher.fetch(site.url(host=NAME))).content == b"secure"
        with pytest.raises(ExternalServiceError):
            await fetcher.fetch(site.url(host="other.example"))
        await fetcher.close()
    assert seen == [NAME, "other.example"]


async def test_the_system_resolver_knows_localhost_and_says_which_name_it_does_not_know() -> None:
    assert "127.0.0.1" in await SystemResolver().resolve("localhost")
    with pytest.raises(ExternalServiceError, match="no-such-host"):
        await SystemResolver().resolve("no-such-host.invalid")


# Size and time


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress),
    "deflate with header": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "identity": ("identity", bytes),
}


@pytest.mark.parametrize(("encoding", "pack"), PACKED.values(), ids=PACKED.keys())
async def test_the_limit_holds_for_the_unpacked_body(
    site: LoopbackSite, fetcher: GuardedHttpFetcher, encoding: str, pack: type[bytes]
) -> None:
    body = b"x" * 300_000
    url = site.page("/packed", SiteAnswer(pack(body), headers={"Content-Encoding": encoding}))
    assert (await fetcher.fetch(url, max_bytes=300_000)).content == body
    with pytest.raises(PageTooLargeError) as refusal:
        await fetcher.fetch(url, max_bytes=299_999)
    assert refusal.value.limit_bytes == 299_999


async def test_a_compression_bomb_is_broken_off_before_it_is_unpacked(
    site: LoopbackSite, fetcher: GuardedHttpFetcher
) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield packer.compress(b"\0" * 10_000_000)

    url = site.page("/bomb", SiteAnswer(chunks=endless(), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(PageTooLargeError):
        await fetcher.fetch(url, max_bytes=1_000_000)
    assert sent < 200


GARBLED = {
    "not gzip": (b"plain text", {"Content-Encoding": "gzip"}),
    "cut off gzip": (gzip.compress(b"x" * 99_999)[:-20], {"Content-Encoding": "gzip"}),
    "an encoding that was not asked for": (b"\x0b\x02\x80hello\x03", {"Content-Encoding": "br"}),
    "two encodings": (gzip.compress(gzip.compress(b"x")), {"Content-Encoding": "gzip, gzip"}),
    "shorter than announced": (b"short", {"Content-Length": "500"}),
}


@pytest.mark.parametrize(("body", "headers"), GARBLED.values(), ids=GARBLED.keys())
async def test_a_garbled_body_is_a_fault_of_the_site(
    site: LoopbackSite, fetcher: GuardedHttpFetcher, body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(ExternalServiceError) as fault:
        await fetcher.fetch(site.page("/garbled", SiteAnswer(body, headers=headers)))
    assert fault.value.service == "127.0.0.1"


async def test_an_announced_size_over_the_limit_is_not_even_read(
    site: LoopbackSite, fetcher: GuardedHttpFetcher
) -> None:
    url = site.page("/huge", SiteAnswer(b"", headers={"Content-Length": "9999999999"}))
    with pytest.raises(PageTooLargeError):
        await fetcher.fetch(url)


SLOW = {
    "never answers": SiteAnswer("late", wait=60),
    "drips its body": SiteAnswer(chunks=[b"x"] * 1000, pause=0.05),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW.keys())
async def test_the_time_limit_is_for_the_whole_fetch(
    site: LoopbackSite, fetcher: GuardedHttpFetcher, answer: SiteAnswer
) -> None:
    with pytest.raises(TimeLimitError) as refusal:
        await fetcher.fetch(site.page("/slow", answer), timeout=0.3)
    assert refusal.value.limit_seconds == 0.3


async def test_redirects_share_one_time_limit(site: LoopbackSite, fetcher: GuardedHttpFetcher) -> None:
    site.page("/loop", SiteAnswer(status=302, headers={"Location": "/loop"}, wait=0.15))
    with pytest.raises(TimeLimitError):
        await fetcher.fetch(site.url("/loop"), timeout=0.4)


async def test_at_most_the_given_number_of_requests_to_a_host_run_at_once(site: LoopbackSite) -> None:
    fetcher = GuardedHttpFetcher(allow=site.allow, per_host=2)
    url = site.page("/", SiteAnswer("x", wait=0.03))
    await asyncio.gather(*(fetcher.fetch(url) for _ in range(8)))
    await fetcher.close()
    assert (site.counts["/"], site.most_at_once) == (8, 2)


# Statuses


NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
RETRY_AFTER = {
    "seconds": ("120", 120.0),
    "zero": ("0", 0.0),
    "date": ("Wed, 01 Jan 2025 12:01:30 GMT", 90.0),
    "past date": ("Wed, 01 Jan 2025 11:00:00 GMT", 0.0),
    "negative": ("-5", None),
    "word": ("soon", None),
    "empty": ("", None),
    "absent": (None, None),
}


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


# (status, headers, error when error pages are not wanted, error when they are)
STATUSES: dict[str, tuple[int, dict[str, str], type[MillraceError] | None, type[MillraceError] | None]] = {
    "200": (200, {}, None, None),
    "404": (404, {}, ExternalServiceError, None),
    "500": (500, {}, ExternalServiceError, None),
    "503": (503, {}, ExternalServiceError, None),
    "503 with a pause": (503, {"Retry-After": "3"}, RateLimitError, RateLimitError),
    "429": (429, {}, RateLimitError, RateLimitError),
    "redirect to nowhere": (302, {}, None, None),
}


@pytest.mark.parametrize(("status", "headers", "strict", "lenient"), STATUSES.values(), ids=STATUSES.keys())
async def test_a_status_is_a_page_a_pause_or_a_fault(
    site: LoopbackSite,
    fetcher: GuardedHttpFetcher,
    status: int,
    headers: dict[str, str],
    strict: type[MillraceError] | None,
    lenient: type[MillraceError] | None,
) -> None:
    url = site.page("/status", SiteAnswer("the body", status=status, headers=headers))
    twin = MemoryPages({url: FetchedPage(url, url, status, b"the body")})
    fetchers: list[PageFetcher] = [fetcher] if headers else [fetcher, twin]  # the twin's pages have no headers
    for one, (accept_errors, error) in product(fetchers, [(False, strict), (True, lenient)]):
        if error is None:
            assert (await one.fetch(url, accept_errors=accept_errors)).content == b"the body"
        else:
            with pytest.raises(error):
                await one.fetch(url, accept_errors=accept_errors)


async def test_a_pause_says_for_how_long_and_a_fault_says_its_status(
    site: LoopbackSite, fetcher: GuardedHttpFetcher
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with pytest.raises(RateLimitError) as pause:
        await fetcher.fetch(site.page("/busy", SiteAnswer(status=429, headers={"Retry-After": later})))
    assert pause.value.retry_after == pytest.approx(100, abs=3)
    with pytest.raises(ExternalServiceError) as fault:
        await fetcher.fetch(site.url("/nowhere"))
    assert (fault.value.status, fault.value.service) == (404, "127.0.0.1")


def concrete_errors(kind: type[Exception]) -> Iterator[type[Exception]]:
    for one in kind.__subclasses__():
        yield one
        yield from concrete_errors(one)


@pytest.mark.parametrize(
    "kind", sorted(set(concrete_errors(httpx.TransportError)), key=str), ids=lambda one: one.__name__
)
async def test_every_transport_error_is_translated(kind: type[Exception]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise kind("broken")

    fetcher = GuardedHttpFetcher(transport=httpx.MockTransport(fail))
    with pytest.raises(ExternalServiceError, match="broken"):
        await fetcher.fetch("http://example.com/")
    await fetcher.close()


async def test_a_closed_port_is_a_passing_fault(free_port: int) -> None:
    fetcher = GuardedHttpFetcher(allow=frozenset({f"127.0.0.1:{free_port}"}))
    with pytest.raises(ExternalServiceError):
        await fetcher.fetch(f"http://127.0.0.1:{free_port}/")
    await fetcher.close()


async def test_a_closed_fetcher_opens_again(site: LoopbackSite, fetcher: GuardedHttpFetcher) -> None:
    await fetcher.fetch(site.url())
    await fetcher.close()
    await fetcher.close()
    assert (await fetcher.fetch(site.url())).status == 200


# Its siblings


async def test_a_guarded_client_is_refused_the_same_addresses_on_every_hop(site: LoopbackSite) -> None:
    site.redirect("/out", "http://127.0.0.1:1/")
    async with guarded_client(site.allow, follow_redirects=True) as client:
        assert (await client.post(site.url(), json={"a": 1})).text == "<p>hello</p>"
        with pytest.raises(BlockedUrlError):
            await client.get(site.url("/out"))
        with pytest.raises(BlockedUrlError):
            await client.get("http://localhost:1/")
    assert site.requests[0].body == b'{"a":1}'


async def test_pages_in_memory_answer_by_url_by_function_and_by_error() -> None:
    pages = MemoryPages(
        {"u:text": "café", "u:made": lambda url: url.encode(), "u:fault": RateLimitError(retry_after=1.0)}
    )
    assert (await pages.fetch("u:text")).content == "café".encode()
    assert (await pages.fetch("u:made")).content == b"u:made"
    with pytest.raises(RateLimitError):
        await pages.fetch("u:fault")
    with pytest.raises(PageTooLargeError):
        await pages.fetch("u:text", max_bytes=2)
    with pytest.raises(ExternalServiceError):
        await pages.fetch("u:unknown")
    assert pages.fetched == ["u:text", "u:made", "u:fault", "u:text", "u:unknown"]
    assert (await MemoryPages(lambda url: f"page {url}").fetch("u")).content == b"page u"
