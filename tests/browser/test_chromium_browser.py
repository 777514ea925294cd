"""Fetching with a real Chromium: what is rendered, what is refused, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from spine.adapters.chromium_browser import ChromiumBrowser, find_browser
from spine.adapters.chromium_process import Confinement, confinements
from spine.errors import (
    BlockedUrlError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotConfiguredError,
    PageTooLargeError,
    RateLimitError,
    TimeLimitError,
)
from spine.testing.loopback_site import LoopbackSite, SiteAnswer
from spine.testing.scripted_resolver import ScriptedResolver
from spine.testing.site_certificate import serving_context, write_certificate

EXECUTABLE = os.environ.get("MILLRACE_BROWSER")
NAME = "books.example"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(find_browser(EXECUTABLE) is None, reason="no Chromium is installed here"),
]
shared = pytest_asyncio.fixture(loop_scope="module", scope="module")


@shared
async def site() -> AsyncIterator[LoopbackSite]:
    async with LoopbackSite() as one:
        one.page("/", "<!doctype html><p id=p>raw</p><script>p.textContent = 'rendered ' + 6 * 7</script>")
        yield one


@shared
async def forbidden() -> AsyncIterator[LoopbackSite]:
    """A site on loopback that the guard does not let through. Nothing may ever reach it."""
    async with LoopbackSite() as one:
        one.page("/", "secret")
        yield one
        assert one.requests == []


@shared
async def secure_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopbackSite]:
    """Serves TLS with a certificate that only it believes in."""
    certificate = write_certificate(tmp_path_factory.mktemp("tls") / "own.pem", NAME)
    async with LoopbackSite(tls=serving_context(certificate)) as one:
        yield one
        assert one.requests == []


@shared
async def resolver() -> ScriptedResolver:
    return ScriptedResolver(["127.0.0.1"])


@shared
async def browser(
    site: LoopbackSite, secure_site: LoopbackSite, resolver: ScriptedResolver
) -> AsyncIterator[ChromiumBrowser]:
    allow = site.allow | {f"{NAME}:{site.port}", f"{NAME}:{secure_site.port}"}
    one = ChromiumBrowser(EXECUTABLE, allow, resolver, max_pages=3, settle=0.3, max_traffic_bytes=3_000_000)
    yield one
    await one.close()


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def browser_processes() -> list[psutil.Process]:
    """The Chromium main processes that were started from here, without their helpers."""
    found: list[psutil.Process] = []
    for process in descendants():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any("--user-data-dir" in part for part in command) and not any("--type=" in part for part in command):
            found.append(process)
    return found


@contextmanager
def counting_waits(waits: list[str]) -> Generator[None]:
    """Every state of a page that is waited for inside the block."""
    from playwright.async_api import Page

    real = Page.wait_for_load_state

    async def counted(page: Page, state: Any = "load", **options: Any) -> None:
        waits.append(state)
        await real(page, state, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Page, "wait_for_load_state", counted)
        yield


# What a fetch gives


async def test_a_page_is_rendered_and_comes_back_as_its_final_document(
    site: LoopbackSite, browser: ChromiumBrowser
) -> None:
    site.redirect("/moved", "/?now=here")
    page = await browser.fetch(site.url("/moved"))
    assert page.content.startswith(b"<!DOCTYPE html>")
    assert b"rendered 42" in page.content
    assert (page.url, page.final_url) == (site.url("/moved"), site.url("/?now=here"))
    assert (page.status, page.content_type, page.fetched_by) == (200, "text/html; charset=utf-8", "browser")


async def test_what_arrives_a_little_later_is_waited_for(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    site.page("/data", SiteAnswer("from afar", wait=0.1))
    site.page("/late", "<p id=p></p><script>fetch('/data').then(r => r.text()).then(t => p.textContent = t)</script>")
    assert b">from afar<" in (await browser.fetch(site.url("/late"))).content


async def test_a_page_that_nothing_can_change_is_taken_at_once(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    waits: list[str] = []
    site.page("/still", "<!doctype html><p>still</p><script type='application/ld+json'>{}</script>")
    with counting_waits(waits):
        assert b"still" in (await browser.fetch(site.url("/still"))).content
    assert waits == []


@pytest.mark.parametrize(
    "html",
    [
        "<p id=p></p><script>setTimeout(() => { p.textContent = 'changed' }, 60)</script>",
        "<p id=p></p><script type=module>setTimeout(() => { p.textContent = 'changed' }, 60)</script>",
        "<p id=p></p><svg><script>setTimeout(() => { p.textContent = 'changed' }, 60)</script></svg>",
        "<p id=p></p><img src=x onerror='setTimeout(() => { p.textContent = \"changed\" }, 60)'>",
        "<meta http-equiv=Refresh content='0;url=/changed'>",
        "<p id=p></p><iframe src=/changes-its-parent></iframe>",
    ],
)
async def test_a_page_that_something_may_change_is_waited_for(
    site: LoopbackSite, browser: ChromiumBrowser, html: str
) -> None:
    site.page("/changed", "changed")
    site.page("/changes-its-parent", "<script>setTimeout(() => { parent.p.textContent = 'changed' }, 60)</script>")
    site.page("/may-change", f"<!doctype html>{html}")
    assert b"changed" in (await browser.fetch(site.url("/may-change"))).content.replace(b"'changed'", b"")


async def test_a_page_that_moves_on_by_script_is_taken_where_it_arrives(
    site: LoopbackSite, browser: ChromiumBrowser
) -> None:
    url = site.page("/script", "<script>location.href = '/'</script>")
    page = await browser.fetch(url)
    assert (page.final_url, page.status) == (site.url("/"), 200)


async def test_other_encodings_come_back_as_utf8(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    latin = SiteAnswer("<p>café</p>".encode("latin-1"), content_type="text/html; charset=ISO-8859-1")
    assert "café".encode() in (await browser.fetch(site.page("/latin", latin))).content


async def test_the_browser_passes_for_an_ordinary_one_and_sends_what_it_is_told(
    site: LoopbackSite, browser: ChromiumBrowser
) -> None:
    url = site.page("/headers", "x")
    await browser.fetch(url, headers={"Accept-Language": "pl", "Referer": "http://from.example/"})
    sent = site.requests[-1].headers
    assert "Headless" not in sent["user-agent"] and "Chrome/" in sent["user-agent"]
    assert (sent["accept-language"], sent["referer"]) == ("pl", "http://from.example/")
    with pytest.raises(InvalidInputError, match="Authorization"):
        await browser.fetch(url, headers={"Authorization": "Bearer key"})


async def test_nothing_is_remembered_from_one_fetch_to_the_next(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    script = "p.textContent = 'seen ' + localStorage.x; localStorage.x = document.cookie = 'a=b'"
    url = site.page("/memory", SiteAnswer(f"<p id=p></p><script>{script}</script>", headers={"Set-Cookie": "c=d"}))
    for _ in range(2):
        assert b"seen undefined" in (await browser.fetch(url)).content
    assert "cookie" not in site.requests[-1].headers


async def test_images_fonts_and_media_are_not_loaded(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    url = site.page("/rich", "<img src=/a.png><video src=/a.mp4></video><script src=/a.js></script>")
    await browser.fetch(url)
    assert [site.counts[path] for path in ("/a.png", "/a.mp4", "/a.js")] == [0, 0, 1]


async def test_at_most_the_given_number_of_pages_are_open_at_once(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    url = site.page("/counted", SiteAnswer("x", wait=0.2))
    site.most_at_once = 0
    await asyncio.gather(*(browser.fetch(url) for _ in range(5)))
    assert site.counts["/counted"] == 5
    assert site.most_at_once <= 3


# What a fetch refuses

FAULTS: dict[str, tuple[SiteAnswer, type[MillraceError]]] = {
    "not found": (SiteAnswer("x", status=404), ExternalServiceError),
    "too many requests": (SiteAnswer("x", status=429, headers={"Retry-After": "7"}), RateLimitError),
    "a download": (SiteAnswer(b"x", content_type="application/octet-stream"), ExternalServiceError),
    "cut off": (SiteAnswer("<p>short", headers={"Content-Length": "900"}), ExternalServiceError),
    "a large document": (SiteAnswer(b"<p>" + b"x" * 300_000), PageTooLargeError),
    "a document grown large": (SiteAnswer("<script>document.write('x'.repeat(3e5))</script>"), PageTooLargeError),
    "much traffic": (SiteAnswer("<script>" + " " * 4_000_000 + "</script>"), PageTooLargeError),
    "to a file": (SiteAnswer(status=302, headers={"Location": "file:///etc/passwd"}), BlockedUrlError),
    "in a circle": (SiteAnswer(status=302, headers={"Location": "?again"}), BlockedUrlError),
    "to an ssh port": (SiteAnswer(status=302, headers={"Location": "http://example.com:22/"}), BlockedUrlError),
}


@pytest.mark.parametrize(("answer", "error"), FAULTS.values(), ids=FAULTS.keys())
async def test_what_is_no_page_is_an_error(
    site: LoopbackSite, browser: ChromiumBrowser, answer: SiteAnswer, error: type[MillraceError]
) -> None:
    with pytest.raises(error):
        await browser.fetch(site.page("/fault", answer), max_bytes=200_000, timeout=10)


async def test_the_body_of_an_error_is_returned_when_it_is_wanted(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    page = await browser.fetch(site.page("/captcha", SiteAnswer("not a robot?", status=503)), accept_errors=True)
    assert page.status == 503
    assert b"not a robot?" in page.content


HANGING = {
    "a server that drips": SiteAnswer(chunks=[b"x"] * 1000, pause=0.1),
    "a script without end": SiteAnswer("<script>while (true);</script>"),
}


@pytest.mark.parametrize("answer", HANGING.values(), ids=HANGING.keys())
async def test_the_time_limit_ends_a_page_that_hangs_and_the_browser_goes_on(
    site: LoopbackSite, browser: ChromiumBrowser, answer: SiteAnswer
) -> None:
    with pytest.raises(TimeLimitError):
        await browser.fetch(site.page("/hanging", answer), timeout=0.7)
    assert (await browser.fetch(site.url("/"))).status == 200


# Where a page cannot lead the browser

LED_AWAY = {
    "by a redirect": lambda target: SiteAnswer(status=302, headers={"Location": target}),
    "by a script": lambda target: SiteAnswer(f"<script>location.href = '{target}'</script>"),
    "by a refresh": lambda target: SiteAnswer(f"<meta http-equiv=refresh content='0; url={target}'>"),
    "by a form": lambda target: SiteAnswer(f"<form action='{target}' method=post></form><script>forms[0]</script>"
                                           "<script>document.forms[0].submit()</script>"),
}  # fmt: skip


@pytest.mark.parametrize("lead", LED_AWAY.values(), ids=LED_AWAY.keys())
async def test_a_page_that_leads_to_a_refused_address_is_refused(
    site: LoopbackSite, forbidden: LoopbackSite, browser: ChromiumBrowser, lead: type[SiteAnswer]
) -> None:
    with pytest.raises(BlockedUrlError):
        await browser.fetch(site.page("/away", lead(forbidden.url())))


# Each is JavaScript that tells whether it got in.
SIDE_LOADS = {
    "fetch": "fetch('{url}', {{mode: 'no-cors'}}).then(yes, no)",
    "fetch by redirect": "fetch('/hop', {{mode: 'no-cors'}}).then(yes, no)",
    "beacon": "navigator.sendBeacon('{url}') ? no() : yes()",
    "script": "load('script', 'src', '{url}', yes, no)",
    "style": "load('link', 'href', '{url}', yes, no).rel = 'stylesheet'",
    "prefetch": "load('link', 'href', '{url}', yes, no).rel = 'prefetch'; no()",
    "preconnect": "load('link', 'href', '{url}', yes, no).rel = 'preconnect'; no()",
    "frame": "load('iframe', 'src', '{url}', no, no)",
    "websocket": "let w = new WebSocket('ws://{authority}/'); w.onopen = yes; w.onerror = no",
    "event source": "let e = new EventSource('{url}'); e.onopen = yes; e.onerror = no",
    "web transport": "new WebTransport('https://{authority}/').ready.then(yes, no)",
    "popup": "window.open('{url}') ? yes() : no()",
    "worker": """
        const code = "fetch('{url}', {{mode: 'no-cors'}}).then(() => postMessage(1), () => postMessage(0))";
        new Worker(URL.createObjectURL(new Blob([code]))).onmessage = m => m.data ? yes() : no()""",
}
SIDE_LOAD = "{{ const yes = () => tell('{name}', 'got in'), no = () => tell('{name}', 'was refused'); {script} }}"
TELL = """<!doctype html><ul id=told></ul><script>
function tell(name, what) { told.append(name + ' ' + what + '; ') }
function load(tag, attribute, url, yes, no) {
  const one = document.createElement(tag);
  one.onload = yes; one.onerror = no; one[attribute] = url;
  setTimeout(() => document.body.append(one));
  return one;
}
"""


@shared
async def told(site: LoopbackSite, forbidden: LoopbackSite, browser: ChromiumBrowser) -> str:
    """What one page that tries everything has to tell."""
    site.redirect("/hop", forbidden.url())
    scripts = [
        SIDE_LOAD.format(name=name, script=script.format(url=forbidden.url(), authority=forbidden.authority))
        for name, script in SIDE_LOADS.items()
    ]
    one = await browser.fetch(site.page("/side", "\n".join([TELL, *scripts, "</script>"])))
    return one.content.decode().partition("</ul>")[0]


@pytest.mark.parametrize("name", SIDE_LOADS)
async def test_a_page_cannot_load_from_a_refused_address(told: str, forbidden: LoopbackSite, name: str) -> None:
    assert f"{name} was refused" in told
    assert f"{name} got in" not in told
    assert forbidden.requests == []


async def test_a_page_cannot_go_around_the_proxy(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    """STUN and WebTransport would use UDP, TURN and a preconnection TCP; a direct connection would need no proxy."""
    with own_address() as (udp, tcp):
        servers = (
            f"[{{urls: 'stun:{udp}'}}, {{urls: 'turn:{udp}', username: 'a', credential: 'b'}},"
            f" {{urls: 'turn:{tcp}?transport=tcp', username: 'a', credential: 'b'}}]"
        )
        script = f"""<p id=p></p><link rel=preconnect href='https://{tcp}'><script>
          const told = [], tell = what => {{ told.push(what); p.textContent = told.sort().join(' and ') }};
          new WebTransport('https://{udp}/').ready.then(() => tell('in'), () => tell('refused'));
          const c = new RTCPeerConnection({{iceServers: {servers}}}); c.createDataChannel('x');
          c.onicecandidate = e => tell(e.candidate ? 'found' : 'ended');
          c.createOffer().then(o => c.setLocalDescription(o));
        </script>"""
        content = (await browser.fetch(site.page("/around", script))).content
    assert b'<p id="p">ended and refused</p>' in content


@contextmanager
def own_address() -> Iterator[tuple[str, str]]:
    """Where UDP and TCP are listened to on this machine's own address (WebRTC leaves loopback alone), in vain."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket() as tcp,
    ):
        try:
            probe.connect(("192.0.2.1", 9))  # chooses an address, sends nothing
        except OSError:
            pytest.skip("this machine has no address beside loopback")
        for listener in (udp, tcp):
            listener.bind((probe.getsockname()[0], 0))
            listener.setblocking(False)
        tcp.listen()
        yield "{}:{}".format(*udp.getsockname()), "{}:{}".format(*tcp.getsockname())
        with pytest.raises(BlockingIOError):
            udp.recv(1)
        with pytest.raises(BlockingIOError):
            tcp.accept()


async def test_a_refused_address_is_refused_before_a_browser_starts(forbidden: LoopbackSite) -> None:
    one = ChromiumBrowser("/no/such/browser", resolver=ScriptedResolver(["93.184.215.14", "10.0.0.1"]))
    for url in (forbidden.url(), "file:///etc/passwd", "http://a@example.com/", f"http://{NAME}/"):
        with pytest.raises(BlockedUrlError):
            await one.fetch(url)


async def test_a_name_that_turns_private_after_the_first_look_is_refused(
    forbidden: LoopbackSite, browser: ChromiumBrowser, resolver: ScriptedResolver
) -> None:
    """DNS rebinding: the name is public when the URL is judged and private when the browser connects."""
    resolver.script(["93.184.215.14"], ["127.0.0.1"])
    try:
        with pytest.raises(BlockedUrlError):
            await browser.fetch(forbidden.url(host=NAME))
    finally:
        resolver.script()


async def test_names_are_resolved_by_the_guard(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    assert (await browser.fetch(site.url("/", host=NAME))).final_url == site.url("/", host=NAME)


async def test_certificates_are_verified_by_the_browser(secure_site: LoopbackSite, browser: ChromiumBrowser) -> None:
    with pytest.raises(ExternalServiceError, match="ERR_CERT_AUTHORITY_INVALID"):
        await browser.fetch(secure_site.url(host=NAME))


# The process


async def test_a_killed_browser_fails_its_fetch_and_is_started_again_by_the_next(
    site: LoopbackSite, browser: ChromiumBrowser
) -> None:
    pending = asyncio.create_task(browser.fetch(site.page("/dying", SiteAnswer("late", wait=60))))
    while not site.counts["/dying"]:
        await asyncio.sleep(0.01)
    killed = browser_processes()
    for process in killed:
        process.kill()
    assert (await browser.fetch(site.url("/"))).status == 200
    with pytest.raises(ExternalServiceError):
        await pending
    assert {process.pid for process in browser_processes()}.isdisjoint(process.pid for process in killed)


CONFINEMENTS = {
    "an ordinary user": (False, "nobody", [Confinement(None, True), Confinement(None, False)]),
    "root": (True, "nobody", [Confinement("nobody", True), Confinement("nobody", False), Confinement(None, False)]),
    "root alone": (True, None, [Confinement(None, False)]),
}


@pytest.mark.parametrize(("is_root", "other", "ways"), CONFINEMENTS.values(), ids=CONFINEMENTS.keys())
async def test_the_most_confined_way_is_tried_first(is_root: bool, other: str | None, ways: list[Confinement]) -> None:
    assert confinements(is_root, other) == ways


async def test_a_fetch_whose_page_crashes_is_a_passing_fault(site: LoopbackSite, browser: ChromiumBrowser) -> None:
    pending = asyncio.create_task(browser.fetch(site.page("/crashing", SiteAnswer("late", wait=60))))
    while not site.counts["/crashing"]:
        await asyncio.sleep(0.01)
    for process in descendants():
        if "--type=renderer" in process.cmdline():
            process.kill()
    with pytest.raises(ExternalServiceError):
        await pending


async def test_a_fetch_that_is_given_up_while_the_browser_starts_leaves_no_process(site: LoopbackSite) -> None:
    before = set(descendants())
    one = ChromiumBrowser(EXECUTABLE, site.allow)
    with pytest.raises(TimeLimitError):
        await one.fetch(site.url("/"), timeout=0.05)
    await one.close()
    assert set(descendants()) <= before


async def test_the_browser_runs_confined_knows_no_secret_and_leaves_nothing_behind(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-key")
    monkeypatch.setenv("TMPDIR", str(open_folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = set(descendants())
    async with LoopbackSite() as own:
        own.page("/", "x")
        one = ChromiumBrowser(EXECUTABLE, own.allow, settle=0.1)
        assert one.confinement is None
        await one.fetch(own.url())
        started = set(browser_processes()) - before
        assert started and one.confinement is not None
        for process in started:
            assert "a-secret-key" not in process.environ().values()
            assert one.confinement.user in (None, process.username())
        await one.close()
        await one.close()
    assert set(descendants()) <= before
    assert list(open_folder.iterdir()) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for temporary files that other users can reach, as the system's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_browser_is_looked_for_in_the_setting_on_the_path_and_with_playwright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "own"))
    assert find_browser(None) is None
    program(tmp_path / "own" / "chromium_headless_shell-999" / "chrome-linux" / "headless_shell")
    newest = program(tmp_path / "own" / "chromium_headless_shell-1200" / "chrome-linux" / "headless_shell")
    assert find_browser(None) == newest
    system = program(tmp_path / "bin" / "chromium")
    assert find_browser(None) == system
    chosen = program(tmp_path / "chosen")
    assert find_browser(str(chosen)) == chosen
    assert find_browser("chromium") == system
    assert find_browser(str(tmp_path / "missing")) is None


async def test_a_missing_browser_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotConfiguredError, match="MILLRACE_BROWSER is '/no/such'"):
        await ChromiumBrowser("/no/such").fetch("http://93.184.215.14/")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(NotConfiguredError, match="apt-get install"):
        await ChromiumBrowser().fetch("http://93.184.215.14/")


async def test_playwright_is_imported_by_the_first_fetch_only() -> None:
    code = "import sys, spine.adapters.chromium_browser; print('playwright' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
