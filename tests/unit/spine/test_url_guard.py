"""What the URL guard lets through, as tables of rules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.errors import BlockedUrlError, ExternalServiceError, InvalidInputError
from spine.public_addresses import is_public, parse_ip
from spine.url_guard import UrlGuard, read_address

PUBLIC = "93.184.215.14"


class NamedHosts:
    """A resolver that knows the given names."""

    def __init__(self, **hosts: Sequence[str]) -> None:
        self.hosts = {name.replace("_", "."): addresses for name, addresses in hosts.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.hosts.get(host, [PUBLIC])


def guard(*allow: str, **hosts: Sequence[str]) -> UrlGuard:
    return UrlGuard(NamedHosts(**hosts), allow)


async def reach(one: UrlGuard, url: str) -> tuple[str, ...]:
    """Check and resolve `url` as a fetch does."""
    address = one.check(url)
    return await one.vet(address.host, address.port)


# (url as written, url as fetched)
READ = {
    "plain": ("https://www.example.com/dp/1?a=b", "https://www.example.com/dp/1?a=b"),
    "no path": ("http://example.com", "http://example.com/"),
    "query without path": ("http://example.com?q=1", "http://example.com/?q=1"),
    "fragment is dropped": ("http://example.com/a#b", "http://example.com/a"),
    "upper case": ("HTTPS://WWW.Example.COM/A", "https://www.example.com/A"),
    "default port": ("https://example.com:443/", "https://example.com/"),
    "other port": ("https://example.com:8443/", "https://example.com:8443/"),
    "one trailing dot": ("http://example.com./", "http://example.com/"),
    "IDNA": ("http://bücher.example/straße", "http://xn--bcher-kva.example/stra%C3%9Fe"),
    "fullwidth letters": ("http://ｅxample.com/", "http://example.com/"),
    "underscore in a name": ("http://my_shop.example.com/", "http://my_shop.example.com/"),
    "space in the path": ("http://example.com/a b", "http://example.com/a%20b"),
    "escapes are kept": ("http://example.com/%C3%A4?x=%2F", "http://example.com/%C3%A4?x=%2F"),
    "at sign in the path": ("http://example.com/@user", "http://example.com/@user"),
    "public IPv4": (f"http://{PUBLIC}/", f"http://{PUBLIC}/"),
    "public IPv6": ("http://[2606:2800:21F:0::1]:8080/", "http://[2606:2800:21f::1]:8080/"),
}


@pytest.mark.parametrize(("url", "fetched"), READ.values(), ids=READ.keys())
async def test_a_public_url_is_let_through_in_one_canonical_form(url: str, fetched: str) -> None:
    assert guard().check(url).url == fetched
    assert await reach(guard(), url)


BLOCKED = {
    # schemes
    "file": "file:///etc/passwd",
    "gopher": "gopher://example.com/",
    "ftp": "ftp://example.com/",
    "data": "data:text/html,hello",
    "javascript": "javascript:alert(1)",
    "ws": "ws://example.com/",
    "no scheme": "example.com/",
    "scheme relative": "//example.com/",
    "one slash": "http:/example.com/",
    "no slash": "http:example.com",
    "three slashes": "http:///example.com/",
    "leading space": " http://example.com/",
    "empty": "",
    # hosts on this machine
    "loopback": "http://127.0.0.1/",
    "loopback elsewhere": "http://127.255.0.9/",
    "unspecified": "http://0.0.0.0/",
    "localhost": "http://localhost/",
    "localhost in upper case": "http://LOCALHOST/",
    "localhost with a dot": "http://localhost./",
    "below localhost": "http://a.localhost/",
    "mDNS": "http://printer.local/",
    "internal": "http://metadata.google.internal/",
    "one word": "http://redis/",
    # spellings of 127.0.0.1
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "hex": "http://0x7f.0.0.1/",
    "one hex number": "http://0x7f000001/",
    "short": "http://127.1/",
    "short hex": "http://0x7f.1/",
    "leading zeros": "http://127.000.000.001/",
    "loopback with a dot": "http://127.0.0.1./",
    "fullwidth digits": "http://１２７.0.0.1/",
    "circled digits": "http://①②⑦.0.0.1/",
    "ideographic full stops": "http://127。0。0。1/",
    "escaped": "http://%31%32%37.0.0.1/",
    "soft hyphen in localhost": "http://local\u00adhost/",
    # private and special IPv4
    "10/8": "http://10.0.0.1/",
    "172.16/12": "http://172.31.255.255/",
    "192.168/16": "http://192.168.1.1/",
    "cloud metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata in CGNAT": "http://100.100.100.200/",
    "CGNAT": "http://100.64.0.1/",
    "Azure host": "http://168.63.129.16/",
    "multicast": "http://224.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "benchmarking": "http://198.18.0.1/",
    # IPv6
    "v6 loopback": "http://[::1]/",
    "v6 loopback at length": "http://[0:0:0:0:0:0:0:1]/",
    "v6 unspecified": "http://[::]/",
    "mapped": "http://[::ffff:127.0.0.1]/",
    "mapped public": f"http://[::ffff:{PUBLIC}]/",
    "compatible": "http://[::127.0.0.1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "NAT64": "http://[64:ff9b::7f00:1]/",
    "local NAT64": "http://[64:ff9b:1::7f00:1]/",
    "Teredo": "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "unique local": "http://[fd00:ec2::254]/",
    "link local": "http://[fe80::1]/",
    "zone": "http://[fe80::1%25eth0]/",
    "v6 multicast": "http://[ff02::1]/",
    "v6 without brackets": "http://::1/",
    "v4 in brackets": "http://[127.0.0.1]/",
    # user information
    "user": "http://example.com@127.0.0.1/",
    "user and password": "http://a:b@example.com/",
    "empty user": "http://@example.com/",
    # ports
    "empty port": "http://example.com:/",
    "port zero": "http://example.com:0/",
    "port too large": "http://example.com:65536/",
    "padded port": "http://example.com:0080/",
    "word as port": "http://example.com:http/",
    "arabic digits as port": "http://example.com:٨٠/",
    "two ports": "http://example.com:80:80/",
    "ssh": "http://example.com:22/",
    "smtp": "http://example.com:25/",
    # characters that parsers disagree about
    "backslash": "http://example.com\\@127.0.0.1/",
    "backslashes for slashes": "http:\\\\127.0.0.1\\",
    "tab": "http://exa\tmple.com/",
    "line break in the path": "http://example.com/\r\nHost: x",
    "NUL": "http://example.com/\x00",
    "space in the host": "http://exa mple.com/",
    "lone surrogate": "http://example.com/\ud800",
    "empty label": "http://example..com/",
    "two trailing dots": "http://example.com../",
    "no host": "http:///",
    "long": "http://example.com/" + "a" * 9000,
}


@pytest.mark.parametrize("url", BLOCKED.values(), ids=BLOCKED.keys())
def test_the_known_tricks_are_refused_before_anything_is_resolved(url: str) -> None:
    resolver = NamedHosts()
    with pytest.raises(BlockedUrlError):
        UrlGuard(resolver).check(url)
    assert resolver.asked == []


RESOLVED = {
    "public": ([PUBLIC], True),
    "several public": ([PUBLIC, "2606:2800:21f::1"], True),
    "private": (["10.0.0.5"], False),
    "public and private": ([PUBLIC, "127.0.0.1"], False),
    "public and mapped": ([PUBLIC, "::ffff:10.0.0.1"], False),
    "metadata": (["169.254.169.254"], False),
    "with a zone": (["fe80::1%eth0"], False),
    "nonsense": (["not an address"], False),
}


@pytest.mark.parametrize(("addresses", "passes"), RESOLVED.values(), ids=RESOLVED.keys())
async def test_every_address_of_a_name_must_be_public(addresses: list[str], passes: bool) -> None:
    one = guard(shop_example=addresses)
    if passes:
        assert await one.vet("shop.example", 443) == tuple(addresses)
    else:
        with pytest.raises(BlockedUrlError):
            await one.vet("shop.example", 443)


async def test_a_name_without_addresses_is_a_passing_fault() -> None:
    with pytest.raises(ExternalServiceError):
        await guard(gone_example=[]).vet("gone.example", 80)


# (exceptions, url, addresses that localhost and the private name have, addresses that may be connected to)
HERE = ["::1", "127.0.0.1"]
EXCEPTIONS = {
    "the same host and port": ("127.0.0.1:8123", "http://127.0.0.1:8123/a", HERE, ("127.0.0.1",)),
    "another port": ("127.0.0.1:8123", "http://127.0.0.1:8124/", HERE, None),
    "the default port is a port": ("127.0.0.1:8123", "http://127.0.0.1/", HERE, None),
    "default port": ("127.0.0.1:80", "http://127.0.0.1/", HERE, ("127.0.0.1",)),
    "another loopback address": ("127.0.0.1:8123", "http://127.0.0.2:8123/", HERE, None),
    "an odd spelling of the same": ("127.0.0.1:8123", "http://2130706433:8123/", HERE, None),
    "mapped spelling of the same": ("127.0.0.1:8123", "http://[::ffff:127.0.0.1]:8123/", HERE, None),
    "localhost in upper case": ("LocalHost:8123", "http://localhost:8123/", HERE, ("::1", "127.0.0.1")),
    "localhost for its address": ("localhost:8123", "http://127.0.0.1:8123/", HERE, ("127.0.0.1",)),
    "an address for localhost": ("127.0.0.1:8123", "http://localhost:8123/", HERE, ("127.0.0.1",)),
    "IPv6": ("[::1]:8123", "http://[0:0::1]:8123/", HERE, ("::1",)),
    "a private name": ("wiki.internal:80", "http://wiki.internal/", ["10.1.1.1"], ("10.1.1.1",)),
    "a foreign name for the address": ("10.1.1.1:80", "http://wiki.internal/", ["10.1.1.1"], None),
    "localhost that lies elsewhere": ("127.0.0.1:80", "http://localhost/", ["10.1.1.1"], None),
}


@pytest.mark.parametrize(("allow", "url", "addresses", "reached"), EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
async def test_an_exception_lets_through_exactly_its_host_and_port(
    allow: str, url: str, addresses: list[str], reached: tuple[str, ...] | None
) -> None:
    one = guard(allow, localhost=addresses, wiki_internal=addresses)
    if reached is None:
        with pytest.raises(BlockedUrlError):
            await reach(one, url)
    else:
        assert await reach(one, url) == reached


@pytest.mark.parametrize("entry", ["127.0.0.1", "http://127.0.0.1:80", ":80", "localhost:", "::1:80", ""])
def test_a_malformed_exception_is_named_in_the_error(entry: str) -> None:
    with pytest.raises(InvalidInputError, match="host:port"):
        guard(entry)


REDIRECTS = {
    "a path": ("/b", "https://example.com/b"),
    "beside": ("b?c", "https://example.com/dir/b?c"),
    "elsewhere": ("http://other.example/", "http://other.example/"),
    "scheme relative": ("//other.example/x", "https://other.example/x"),
    "loopback": ("http://127.0.0.1/", None),
    "scheme relative loopback": ("//127.0.0.1/", None),
    "file": ("file:///etc/passwd", None),
    "javascript": ("javascript:alert(1)", None),
    "user": ("//good.example@127.0.0.1/", None),
    "backslashes": ("\\\\127.0.0.1\\", None),
    "line break": ("/a\r\nSet-Cookie: b", None),
    "broken brackets": ("http://[::1", None),
}


@pytest.mark.parametrize(("location", "target"), REDIRECTS.values(), ids=REDIRECTS.keys())
def test_a_redirect_is_judged_like_a_url(location: str, target: str | None) -> None:
    base = read_address("https://example.com/dir/a")
    if target is None:
        with pytest.raises(BlockedUrlError):
            guard().follow(base, location)
    else:
        assert guard().follow(base, location).url == target


def test_a_refusal_does_not_repeat_the_password_of_the_url() -> None:
    with pytest.raises(BlockedUrlError) as refusal:
        guard().check("http://me:secret@example.com/")
    assert "secret" not in refusal.value.message + refusal.value.url


@given(st.text(max_size=60), st.sampled_from(["", "http://", "http://127.0.0.1", "https://[::1]", "http://a@"]))
def test_any_text_is_either_refused_or_read_into_a_fixed_point(tail: str, start: str) -> None:
    try:
        address = read_address(start + tail)
    except BlockedUrlError:
        return
    assert address.url.isascii()
    assert read_address(address.url) == address


@given(st.ip_addresses())
def test_an_address_is_public_only_if_python_agrees(address: object) -> None:
    known = parse_ip(str(address))
    assert known is not None
    assert known.is_global or not is_public(known)
