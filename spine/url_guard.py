"""Decides which addresses may be fetched: http(s) on public hosts, and what the operator explicitly let through.

A URL is read strictly (`read_address`), so that no two parsers can disagree about its host. A connection goes only
to an address that `UrlGuard.vet` returned for it: the address that was checked is the one connected to, which leaves
nothing to DNS rebinding. Nothing here opens a connection; names are resolved by the `Resolver` that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urljoin

import idna

from spine.errors import BlockedUrlError, ExternalServiceError, InvalidInputError
from spine.public_addresses import is_public, parse_ip

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 8192

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[1-9][0-9]{0,4}))?", re.IGNORECASE
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_KEPT_IN_PATHS = "%/:;=&?@!$'()*+,~[]|"

_LOCAL_SUFFIXES = ("localhost", "local", "internal", "localdomain", "home.arpa", "lan", "intranet", "corp", "private")
_LOOPBACK_SPELLINGS = frozenset({"localhost", "127.0.0.1", "::1"})

# fmt: off
_NOT_WEB_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
    531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
    5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080
})
# fmt: on
"""Ports that browsers refuse too, because other protocols can be tricked there (Fetch standard, "bad port")."""


class Resolver(Protocol):
    """Turns a host name into its addresses."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Every address of `host` in the order to try them; `ExternalServiceError` when it has none."""
        ...


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL that was read strictly. `host` is ASCII in lower case, without brackets or a trailing dot."""

    url: str  # ASCII, no fragment
    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port`, the port always present."""
        return join_authority(self.host, self.port)

    @property
    def host_header(self) -> str:
        default = _DEFAULT_PORTS[self.scheme]
        return join_authority(self.host, None if self.port == default else self.port)

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


_DEFAULT_PORTS = {"http": 80, "https": 443}


def join_authority(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def blocked(url: str, reason: str) -> BlockedUrlError:
    """The error for a refused URL; a password in it is not repeated."""
    shown = re.sub(r"//[^/?#]*@", "//…@", url[:200])
    return BlockedUrlError(f"{shown!r} is not allowed to be fetched: {reason}.", url=shown)


def read_address(url: str) -> WebAddress:
    """Read an absolute http or https URL; `BlockedUrlError` for everything else and for every ambiguous spelling."""
    if len(url) > MAX_URL_LENGTH:
        raise blocked(url, f"it is longer than {MAX_URL_LENGTH} characters")
    if _UNSAFE.search(url):
        raise blocked(url, "it has a backslash or a control character in it")
    match = _URL.match(url)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _DEFAULT_PORTS:
        raise blocked(url, "only full http:// and https:// addresses are")
    host, port = read_authority(match["authority"], url=url, default_port=_DEFAULT_PORTS[scheme])
    shown_port = None if port == _DEFAULT_PORTS[scheme] else port
    path = quote(match["rest"] if match["rest"].startswith("/") else "/" + match["rest"], safe=_KEPT_IN_PATHS)
    return WebAddress(f"{scheme}://{join_authority(host, shown_port)}{path}", scheme, host, port)


def read_authority(authority: str, *, url: str | None = None, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `host:port`; `BlockedUrlError` (about `url`) when either is missing or oddly written."""
    shown = url or authority
    if "@" in authority:
        raise blocked(shown, "it carries a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    port = int(match["port"]) if match and match["port"] else default_port
    if match is None or port is None or port > 65535:
        raise blocked(shown, "its host or port is malformed")
    if port in _NOT_WEB_PORTS:
        raise blocked(shown, f"port {port} belongs to another protocol")
    host = _read_ipv6(match["v6"]) if match["v6"] else _read_name(match["name"])
    if host is None:
        raise blocked(shown, "its host is malformed or an unusual spelling of an IP address")
    return host, port


def redirect_address(base: WebAddress, location: str) -> WebAddress:
    """Where a redirect from `base` leads; `BlockedUrlError` when that may not even be read."""
    if _UNSAFE.search(location):
        raise blocked(location, "the redirect has a backslash or a control character in it")
    try:
        return read_address(urljoin(base.url, location.strip(" ")))
    except ValueError as error:
        raise blocked(location, "the redirect is malformed") from error


def _read_ipv6(text: str) -> str | None:
    address = parse_ip(text)
    return str(address) if address is not None and address.version == 6 else None


def _read_name(text: str) -> str | None:
    """A host name or a plain dotted IPv4 address in its one canonical form, None when it has none."""
    host = _to_ascii(text).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if not _NUMERIC_LABEL.fullmatch(labels[-1]):
        return host
    # Browsers and libc read 0177.1, 0x7f.1 and 2130706433 as addresses: only the plain spelling may pass.
    address = parse_ip(host)
    return host if text.isascii() and address is not None and str(address) == host else None


def _to_ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""


def read_allowed(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """The operator's `host:port` entries as pairs; `InvalidInputError` names an entry that is none."""
    try:
        return frozenset(read_authority(entry.strip()) for entry in entries)
    except BlockedUrlError as error:
        raise InvalidInputError(
            f"{error.url!r} cannot be let through the URL guard: write each entry as host:port, IPv6 as [::1]:port."
        ) from error


class UrlGuard:
    """The rules with one operator's exceptions. Holds no state beyond these; safe to share.

    An exception lets through exactly the host and port that the URL names. `localhost`, `127.0.0.1` and `::1` stand
    for each other, but a connection still goes only to an address that an exception covers.
    """

    def __init__(self, resolver: Resolver, allow: Iterable[str] = ()) -> None:
        self._resolver = resolver
        self._allow = read_allowed(allow)

    def check(self, url: str) -> WebAddress:
        """Read `url` and judge all that needs no resolving; `BlockedUrlError` when it is refused."""
        address = read_address(url)
        self._check_host(address.host, address.port, url)
        return address

    def follow(self, base: WebAddress, location: str) -> WebAddress:
        """Like `check`, for the `Location` that `base` answered with."""
        address = redirect_address(base, location)
        self._check_host(address.host, address.port, address.url)
        return address

    async def vet(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that a connection to `host` and `port` may use, in the order to try them; never empty."""
        shown = join_authority(host, port)
        self._check_host(host, port, shown)
        resolved = (host,) if parse_ip(host) else await self._resolver.resolve(host)
        if not resolved:
            raise ExternalServiceError(f"The host {host} has no address.", service=host)
        return self.judge(host, port, resolved)

    def judge(self, host: str, port: int, resolved: Sequence[str]) -> tuple[str, ...]:
        """Those of the `resolved` addresses that may be connected to; one private address refuses them all."""
        if (host, port) in self._allow:
            return tuple(resolved)
        if excepted := self._excepted_loopback(host, port, resolved):
            return excepted
        for text in resolved:
            address = parse_ip(text)
            if address is None or not is_public(address):
                raise blocked(join_authority(host, port), f"{text} is not a public address")
        return tuple(resolved)

    def _check_host(self, host: str, port: int, url: str) -> None:
        if self._has_exception(host, port):
            return
        address = parse_ip(host)
        if address is not None and not is_public(address):
            raise blocked(url, f"{host} is not a public address")
        if address is None and _is_local_name(host):
            raise blocked(url, f"{host} is the name of a local host")

    def _has_exception(self, host: str, port: int) -> bool:
        spellings = _LOOPBACK_SPELLINGS if host in _LOOPBACK_SPELLINGS else {host}
        return any((spelling, port) in self._allow for spelling in spellings)

    def _excepted_loopback(self, host: str, port: int, resolved: Sequence[str]) -> tuple[str, ...]:
        if host not in _LOOPBACK_SPELLINGS:
            return ()
        by_name = ("localhost", port) in self._allow
        return tuple(
            text for text in resolved if text in _LOOPBACK_SPELLINGS and (by_name or (text, port) in self._allow)
        )


def _is_local_name(host: str) -> bool:
    # A name without a dot is completed from the machine's own search domains.
    return "." not in host or any(host == suffix or host.endswith("." + suffix) for suffix in _LOCAL_SUFFIXES)
