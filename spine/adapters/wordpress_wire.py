"""Speaks WordPress's REST API over HTTP: login, addresses, time and size limits, errors in our own words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from spine.adapters.bounded_body import ACCEPTED_ENCODINGS, read_bounded
from spine.adapters.guarded_transport import GuardedTransport
from spine.adapters.redaction import cleared, without_secrets
from spine.adapters.system_resolver import SystemResolver
from spine.adapters.wordpress_errors import answer_error
from spine.errors import ExternalServiceError, InvalidInputError, NotFoundError, TimeLimitError
from spine.http_status import REDIRECTS
from spine.public_addresses import on_own_network
from spine.publishing_port import SiteLogin
from spine.url_guard import Resolver, UrlGuard, WebAddress, blocked, read_address

_CONNECT_SECONDS = 10.0
_MAX_ANSWER_BYTES = 10_000_000


class WordPressWire:
    """One login to one site. Connections live until `close`.

    The operator named the site, so its host and port pass the URL guard here, and only here; no redirect is followed,
    so the password goes nowhere else. Every call raises only `spine.errors`. A site, or what stands in front of it,
    that repeats the password puts it into no answer and no error.
    """

    def __init__(
        self,
        login: SiteLogin,
        *,
        timeout: float = 30.0,
        upload_timeout: float = 120.0,
        resolver: Resolver | None = None,
    ) -> None:
        """`timeout` and `upload_timeout` are totals in seconds. Raises for an address that must not be used."""
        self._home = _checked_home(login.url)
        self._username = login.username
        self._secrets = _secrets_of(login)
        self._timeout, self._upload_timeout = timeout, upload_timeout
        self._plain_permalinks = False
        guard = UrlGuard(resolver or SystemResolver(), {self._home.authority})
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(guard, max_connections=8),
            auth=httpx.BasicAuth(login.username, login.application_password.get_secret_value()),
            headers={"Accept": "application/json", "Accept-Encoding": ACCEPTED_ENCODINGS, "User-Agent": "Millrace"},
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),  # the total is bounded in `_send`
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def home(self) -> str:
        """The site's address in its one canonical spelling, without a slash at its end."""
        return self._home.url.rstrip("/")

    async def get(self, route: str, **params: Any) -> Any:
        return await self._call("GET", route, params=params)

    async def post(self, route: str, fields: Mapping[str, Any], **params: Any) -> Any:
        return await self._call("POST", route, params=params, json=dict(fields))

    async def delete(self, route: str, **params: Any) -> Any:
        return await self._call("DELETE", route, params=params)

    async def upload(self, route: str, fields: Mapping[str, str], file: tuple[str, bytes, str], **params: Any) -> Any:
        """A form with `file`: its name, its bytes and their content type."""
        return await self._call("POST", route, params=params, data=dict(fields), files={"file": file})

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(self, method: str, route: str, *, params: Mapping[str, Any], **content: Any) -> Any:
        """The JSON of the answer to a request for `/wp/v2/<route>`."""
        status, headers, body = await self._send(method, route, params, content)
        nowhere = status == 404 or (status == 200 and method == "GET")
        if nowhere and body is None and not self._plain_permalinks:
            # Without pretty permalinks there is no /wp-json/, or the site's front page; the other spelling works on
            # every site. What may have made something is never sent again.
            self._plain_permalinks = True
            status, headers, body = await self._send(method, route, params, content)
        error = answer_error(status, headers, body, service=self._home.host, username=self._username)
        if isinstance(error, NotFoundError) and body is None:
            raise InvalidInputError(
                f"There is no WordPress REST API at {self.home}; put the address of the site's home into the block."
            )
        if error is not None:
            raise error
        if body is None:
            raise ExternalServiceError(
                f"{self._home.host} did not answer with JSON, as WordPress does.",
                service=self._home.host,
                status=status,
            )
        return body

    async def _send(
        self, method: str, route: str, params: Mapping[str, Any], content: Mapping[str, Any]
    ) -> tuple[int, httpx.Headers, Any]:
        limit = self._upload_timeout if "files" in content else self._timeout
        url, query = self._address(route, params)
        async with self._bounded(limit), self._client.stream(method, url, params=query, **content) as response:
            if response.status_code in REDIRECTS:
                raise self._moved(response.headers.get("location", ""))
            raw = await read_bounded(
                response.aiter_raw(),
                encoding=response.headers.get("content-encoding", ""),
                max_bytes=_MAX_ANSWER_BYTES,
                service=self._home.host,
            )
            return response.status_code, response.headers, cleared(_parsed(raw), self._secrets)

    def _address(self, route: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        if self._plain_permalinks:
            return f"{self.home}/", {"rest_route": f"/wp/v2/{route}", **params}
        return f"{self.home}/wp-json/wp/v2/{route}", dict(params)

    @asynccontextmanager
    async def _bounded(self, limit: float) -> AsyncGenerator[None]:
        host = self._home.host
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError as error:
            raise TimeLimitError(f"{host} did not answer within {limit:g} s.", limit_seconds=limit) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # No link to the error: the words of a broken answer, which may be our own, stand in its text.
            reason = without_secrets(str(error), self._secrets) or type(error).__name__
            raise ExternalServiceError(f"{host} could not be reached: {reason}.", service=host) from None

    def _moved(self, location: str) -> Exception:
        return blocked(
            without_secrets(location, self._secrets) or self.home,
            f"{self._home.host} redirects there, and a login is not sent on; put the site's final address into the "
            "WordPress block",
        )


def _secrets_of(login: SiteLogin) -> tuple[str, ...]:
    """The password as it was given, and as WordPress compares it: it shows it in groups and ignores the blanks."""
    password = login.application_password.get_secret_value()
    return tuple(dict.fromkeys((password, password.replace(" ", ""))))


def _checked_home(url: str) -> WebAddress:
    address = read_address(url.strip())
    if "?" in address.url:
        raise InvalidInputError(f"The WordPress address {address.url!r} has a query in it; give the site's home.")
    if address.scheme == "http" and not on_own_network(address.host):
        raise InvalidInputError(
            f"The WordPress address {address.url!r} must start with https://, or the password crosses the internet "
            "in the clear."
        )
    return address


def _parsed(raw: bytes) -> Any:
    """The JSON of a body, None when it is none; some plugins put a byte order mark before it."""
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
