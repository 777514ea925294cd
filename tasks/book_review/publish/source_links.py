"""The pages an article rests on, as links that a reader can follow: canonical, each once, none to elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(?:utm_\w+|\w*clid|mc_[ce]id|p[df]_rd_\w+|ref_|ref_src|ref_url|igshid|_ga|_gl|hsa_\w+|mkt_tok)", re.IGNORECASE
)
"""Parameters that say where a visitor came from and nothing of what is shown."""

_TRACKING_SEGMENT = re.compile(r"/ref=[^/]*", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_LABEL = 70


@dataclass(frozen=True, slots=True)
class SourceLink:
    """A page with the name that its link shows: host and path, without `www.`."""

    url: str
    label: str


def source_links(addresses: Iterable[str]) -> list[SourceLink]:
    """The web addresses among `addresses` in canonical form, each once, in their order."""
    canonical = dict.fromkeys(url for address in addresses if (url := canonical_url(address)))
    return [SourceLink(url, _label(urlsplit(url))) for url in canonical]


def canonical_url(address: str) -> str | None:
    """The address without fragment, tracking and default port; None for one that is no plain web address."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        return None
    shown_host = f"[{host}]" if ":" in host else host
    netloc = shown_host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{shown_host}:{port}"
    path = _TRACKING_SEGMENT.sub("", parts.path) or "/"
    return urlunsplit((parts.scheme, netloc, path, _without_tracking(parts.query), ""))


def _without_tracking(query: str) -> str:
    kept = [part for part in query.split("&") if part and not _TRACKING.fullmatch(part.partition("=")[0])]
    return "&".join(kept)


def _label(parts: SplitResult) -> str:
    label = f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}"
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
