"""A WordPress site as `spine.publishing_port.PublishingSite`, over its REST API (core 5.6 and later, no plugin)."""

from __future__ import annotations

import html
from collections.abc import Awaitable
from typing import Any, Final

from spine.adapters.wordpress_wire import WordPressWire
from spine.errors import ExternalServiceError, InvalidInputError, NotFoundError
from spine.publishing_port import ImageFile, PostChanges, SiteImage, SiteLogin, SitePost, Taxonomy
from spine.turns import turn
from spine.url_guard import Resolver

_POST_FIELDS: Final = "id,slug,status,link,featured_media"
_IMAGE_FIELDS: Final = "id,slug"
_PAGE: Final = 100
_NO_SUCH_POST: Final = "rest_post_invalid_id"
_NUMBERED: Final = ("", "-2", "-3", "-4")
"""How WordPress tells equal slugs apart."""


class WordPressRest:
    """One login to one site. Connections live until `close`; nothing else is kept.

    Every read asks for the context `edit`: WordPress answers a login that it does not accept like a visitor, and a
    visitor's empty list must not be taken for "there is no such post".
    """

    def __init__(
        self,
        login: SiteLogin,
        *,
        timeout: float = 30.0,
        upload_timeout: float = 120.0,
        resolver: Resolver | None = None,
    ) -> None:
        """`timeout` and `upload_timeout` are totals in seconds. `BlockedUrlError` or `InvalidInputError` for an
        address that must not be used; nothing is connected yet."""
        self._wire = WordPressWire(login, timeout=timeout, upload_timeout=upload_timeout, resolver=resolver)

    @property
    def name(self) -> str:
        return self._wire.home.partition("://")[2]

    async def create_draft(self, slug: str, title: str) -> SitePost:
        fields = {"status": "draft", "slug": slug, "title": title}
        return _post(await self._wire.post("posts", fields, _fields=_POST_FIELDS))

    async def posts_with_slug(self, slug: str) -> list[SitePost]:
        found = await self._wire.get(
            "posts",
            slug=",".join(slug + number for number in _NUMBERED),
            status="any",
            context="edit",
            orderby="id",
            order="asc",
            per_page=_PAGE,
            _fields=_POST_FIELDS,
        )
        return [_post(one) for one in _items(found)]

    async def post(self, id: int) -> SitePost | None:
        found = await self._if_there(self._wire.get(f"posts/{id}", context="edit", _fields=_POST_FIELDS))
        return _post(found) if found is not None else None

    async def change_post(self, id: int, changes: PostChanges) -> SitePost:
        fields: dict[str, Any] = {
            "title": changes.title,
            "content": changes.html,
            "excerpt": changes.excerpt,
            "status": changes.status,
            "categories": list(changes.categories),
            "tags": list(changes.tags),
        }
        if changes.slug is not None:
            fields["slug"] = changes.slug
        if changes.cover_id is not None:
            fields["featured_media"] = changes.cover_id
        return _post(await self._wire.post(f"posts/{id}", fields, _fields=_POST_FIELDS))

    async def delete_post(self, id: int) -> None:
        await self._if_there(self._wire.delete(f"posts/{id}", force="true", _fields="id"))

    async def upload_image(self, post_id: int, slug: str, image: ImageFile) -> SiteImage:
        fields = {"post": str(post_id), "slug": slug, "title": image.title, "alt_text": image.alt_text}
        file = (image.name, image.content, image.content_type)
        return _image(await self._wire.upload("media", fields, file, _fields=_IMAGE_FIELDS))

    async def images_of(self, post_id: int) -> list[SiteImage]:
        found = await self._wire.get(
            "media",
            parent=post_id,
            media_type="image",
            context="edit",
            orderby="id",
            order="asc",
            per_page=_PAGE,
            _fields=_IMAGE_FIELDS,
        )
        return [_image(one) for one in _items(found)]

    async def image(self, id: int) -> SiteImage | None:
        found = await self._if_there(self._wire.get(f"media/{id}", context="edit", _fields=_IMAGE_FIELDS))
        return _image(found) if found is not None else None

    async def delete_image(self, id: int) -> None:
        await self._if_there(self._wire.delete(f"media/{id}", force="true", _fields="id"))

    async def term(self, taxonomy: Taxonomy, name: str) -> int:
        """Of two that were made at the same moment, as WordPress allows, everybody takes the older one."""
        async with turn(f"WordPress {taxonomy} {name.casefold()}"):
            if found := await self._terms(taxonomy, name):
                return min(found)
            made = await self._new_term(taxonomy, name)
            return min([made, *await self._terms(taxonomy, name)])

    async def _terms(self, taxonomy: Taxonomy, name: str) -> list[int]:
        found = _items(await self._wire.get(taxonomy, search=name, per_page=_PAGE, _fields="id,name"))
        return [int(one["id"]) for one in found if _same_name(str(one["name"]), name)]

    async def close(self) -> None:
        await self._wire.close()

    async def _new_term(self, taxonomy: Taxonomy, name: str) -> int:
        try:
            return int((await self._wire.post(taxonomy, {"name": name}, _fields="id"))["id"])
        except InvalidInputError as error:
            # Somebody made it a moment ago, or WordPress takes a name for the same that we do not.
            existing = error.details.get("data", {}).get("term_id")
            if error.details.get("code") != "term_exists" or existing is None:
                raise
            return int(existing)

    async def _if_there(self, call: Awaitable[Any]) -> Any:
        """The answer, None when WordPress knows no such post. A REST API that was switched off is no proof of that."""
        try:
            return await call
        except NotFoundError as error:
            if error.details.get("code") != _NO_SUCH_POST:
                raise
            return None


def _post(answer: Any) -> SitePost:
    try:
        return SitePost(
            id=int(answer["id"]),
            slug=str(answer["slug"]),
            status=str(answer["status"]),
            url=str(answer["link"]),
            cover_id=int(answer["featured_media"]) or None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("a post") from error


def _image(answer: Any) -> SiteImage:
    try:
        return SiteImage(id=int(answer["id"]), slug=str(answer["slug"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("an image") from error


def _items(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise _unreadable("a list")
    return answer


def _unreadable(what: str) -> ExternalServiceError:
    return ExternalServiceError(f"WordPress did not answer with {what} in the shape of its REST API.")


def _same_name(stored: str, wanted: str) -> bool:
    return html.unescape(stored).casefold() == wanted.casefold()
