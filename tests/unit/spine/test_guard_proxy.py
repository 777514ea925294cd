"""The proxy that stands between the browser and the world, driven by a plain HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from spine.adapters.guard_proxy import GuardProxy, ProxySession
from spine.testing.loopback_site import LoopbackSite, SiteAnswer
from spine.testing.scripted_resolver import ScriptedResolver
from spine.testing.site_certificate import serving_context, trusting_context, write_certificate
from spine.url_guard import UrlGuard

NAME = "books.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "site.pem", NAME)


@pytest.fixture
async def site() -> AsyncIterator[LoopbackSite]:
    async with LoopbackSite() as one:
        one.page("/", SiteAnswer("hello", headers={"X-Kept": "yes", "Set-Cookie": "a=b"}))
        yield one


@pytest.fixture
async def secure_site(certificate: Path) -> AsyncIterator[LoopbackSite]:
    async with LoopbackSite(tls=serving_context(certificate)) as one:
        one.page("/", "secret hello")
        yield one


@pytest.fixture
def resolver() -> ScriptedResolver:
    return ScriptedResolver(["127.0.0.1"])


@pytest.fixture
async def proxy(site: LoopbackSite, secure_site: LoopbackSite, resolver: ScriptedResolver) -> AsyncIterator[GuardProxy]:
    allow = {f"{NAME}:{site.port}", f"{NAME}:{secure_site.port}"}
    one = GuardProxy(UrlGuard(resolver, allow))
    await one.start()
    yield one
    await one.close()


def through(proxy: GuardProxy, session: ProxySession, certificate: Path) -> httpx.AsyncClient:
    way = httpx.Proxy(proxy.url, auth=(session.username, session.password))
    return httpx.AsyncClient(proxy=way, verify=trusting_context(certificate), trust_env=False)


async def test_plain_requests_are_forwarded_with_body_and_headers(
    proxy: GuardProxy, site: LoopbackSite, certificate: Path
) -> None:
    async with through(proxy, proxy.open_session(1_000_000), certificate) as client:
        answer = await client.post(site.url("/?a=b", host=NAME), content=b"given", headers={"Cookie": "c=d"})
    assert (answer.text, answer.headers["x-kept"]) == ("hello", "yes")
    sent = site.requests[0]
    assert (sent.method, sent.query, sent.body, sent.headers["cookie"]) == ("POST", "a=b", b"given", "c=d")
    assert sent.headers["host"] == f"{NAME}:{site.port}"
    assert not [name for name in sent.headers if name.startswith("proxy-")]


async def test_tunnels_carry_tls_that_is_verified_end_to_end(
    proxy: GuardProxy, secure_site: LoopbackSite, certificate: Path
) -> None:
    async with through(proxy, proxy.open_session(1_000_000), certificate) as client:
        assert (await client.get(secure_site.url(host=NAME))).text == "secret hello"


async def test_a_name_is_resolved_once_for_each_connection(
    proxy: GuardProxy, secure_site: LoopbackSite, certificate: Path, resolver: ScriptedResolver
) -> None:
    async with through(proxy, proxy.open_session(1_000_000), certificate) as client:
        await client.get(secure_site.url(host=NAME))
    assert resolver.asked == [NAME]


async def test_only_a_living_session_may_use_it(
    proxy: GuardProxy, site: LoopbackSite, secure_site: LoopbackSite, certificate: Path
) -> None:
    ended = proxy.open_session(1_000_000)
    proxy.end_session(ended)
    for session in (ended, ProxySession(1_000_000)):
        async with through(proxy, session, certificate) as client:
            assert (await client.get(site.url(host=NAME))).status_code == 407
            with pytest.raises(httpx.ProxyError, match="407"):
                await client.get(secure_site.url(host=NAME))
    assert site.requests == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://other.example:{port}/", "http://a@127.0.0.1:{port}/"]
)
async def test_a_refused_request_is_cut_off_and_noted(
    proxy: GuardProxy, site: LoopbackSite, certificate: Path, url: str
) -> None:
    session = proxy.open_session(1_000_000)
    url = url.format(port=site.port)
    async with through(proxy, session, certificate) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(url)
    assert session.has_refused(url)
    assert site.requests == []


async def test_a_refused_tunnel_is_answered_with_403_and_noted(
    proxy: GuardProxy, secure_site: LoopbackSite, certificate: Path
) -> None:
    session = proxy.open_session(1_000_000)
    async with through(proxy, session, certificate) as client:
        with pytest.raises(httpx.ProxyError, match="403"):
            await client.get(secure_site.url())
    assert session.has_refused(secure_site.url("/any"))
    assert not session.has_refused(secure_site.url(host=NAME))


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tunnel"])
async def test_a_session_downloads_no_more_than_its_budget(
    proxy: GuardProxy, site: LoopbackSite, secure_site: LoopbackSite, certificate: Path, secure: bool
) -> None:
    one = secure_site if secure else site
    one.page("/big", SiteAnswer(b"x" * 6_000_000))
    session = proxy.open_session(200_000)
    async with through(proxy, session, certificate) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(one.url("/big", host=NAME))
    assert session.exhausted
    assert session.received_bytes < 400_000


async def test_the_end_of_a_session_cuts_its_connections(
    proxy: GuardProxy, secure_site: LoopbackSite, certificate: Path
) -> None:
    secure_site.page("/slow", SiteAnswer("late", wait=60))
    session = proxy.open_session(1_000_000)
    async with through(proxy, session, certificate) as client:
        pending = asyncio.create_task(client.get(secure_site.url("/slow", host=NAME)))
        async with asyncio.timeout(5):
            while not secure_site.requests:
                await asyncio.sleep(0.005)
            proxy.end_session(session)
            with pytest.raises(httpx.TransportError):
                await pending


@pytest.mark.parametrize("sent", [b"", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000])
async def test_a_client_that_speaks_no_http_is_hung_up_on(proxy: GuardProxy, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(proxy.url).port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):  # as when what was sent has not all been read
            assert await reader.read() == b""
    writer.close()
