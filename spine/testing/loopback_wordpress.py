"""A loopback WordPress: posts, terms and images over `/wp-json/wp/v2`, as far as publishing an article needs them.

`python -m spine.testing.loopback_wordpress --port 0` prints its address; `GET /__calls` lists what came. It shows how
often something was published; how a real WordPress answers, the tests that drive one show.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from itertools import chain, count
from typing import Any, Final

from spine.testing.loopback_api import ApiAnswer, ApiCall, LoopbackApi, options_of

_ROUTE: Final = re.compile(r"/wp-json/wp/v2/(?P<kind>posts|media|categories|tags)(?:/(?P<id>\d+))?/?")


@dataclass
class Shelf:
    """Everything of one kind, by id."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    def free_slug(self, wanted: str) -> str:
        """The slug, numbered from 2 on when it is taken, as WordPress does."""
        taken = {item["slug"] for item in self.items.values()}
        numbered = (f"{wanted}-{number}" for number in count(2))
        return next(slug for slug in chain([wanted], numbered) if slug not in taken)


class LoopbackWordPress(LoopbackApi):
    """`posts` keeps what was made, by id. `login`, when given, is the only user and application password accepted."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, login: tuple[str, str] | None = None) -> None:
        super().__init__(port=port, delay=delay)
        self._shelves = {kind: Shelf() for kind in ("posts", "media", "categories", "tags")}
        self._ids = count(1)
        self._accepted = base64.b64encode(":".join(login).encode()).decode() if login else None

    @property
    def posts(self) -> dict[int, dict[str, Any]]:
        return self._shelves["posts"].items

    def titled(self, title: str) -> list[dict[str, Any]]:
        """The posts of this title, drafts included."""
        with self.lock:
            return [post for post in self.posts.values() if post.get("title") == title]

    def answer(self, call: ApiCall) -> ApiAnswer:
        found = _ROUTE.fullmatch(call.path)
        if found is None:
            return refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
        if self._accepted and call.headers.get("authorization") != f"Basic {self._accepted}":
            return refusal(401, "incorrect_password", "The provided password is an invalid application password.")
        shelf = self._shelves[found["kind"]]
        if found["id"] is None:
            return self._make(found["kind"], call) if call.method == "POST" else _listed(shelf, call)
        return self._one(shelf, int(found["id"]), call)

    def _make(self, kind: str, call: ApiCall) -> ApiAnswer:
        shelf, fields, id = self._shelves[kind], _fields(call), next(self._ids)
        slug = shelf.free_slug(str(fields.get("slug") or fields.get("name") or id))
        made = {"status": "draft", "featured_media": 0, **fields, "id": id, "slug": slug, "link": f"{self.url}/?p={id}"}
        shelf.items[id] = made
        return ApiAnswer(201, made)

    def _one(self, shelf: Shelf, id: int, call: ApiCall) -> ApiAnswer:
        if id not in shelf.items:
            return refusal(404, "rest_post_invalid_id", "Invalid post ID.")
        if call.method == "DELETE":
            return ApiAnswer(body={"deleted": True, "previous": shelf.items.pop(id)})
        if call.method == "POST":
            shelf.items[id] |= _fields(call)
        return ApiAnswer(body=shelf.items[id])


def _listed(shelf: Shelf, call: ApiCall) -> ApiAnswer:
    return ApiAnswer(body=[item for _, item in sorted(shelf.items.items()) if _fits(item, call.query)])


def _fits(item: dict[str, Any], query: Mapping[str, str]) -> bool:
    """What our client asks by: a slug of several, the post that an image belongs to, a term's name."""
    if "slug" in query and item["slug"] not in query["slug"].split(","):
        return False
    if "parent" in query and str(item.get("post")) != query["parent"]:
        return False
    return query.get("search", "").casefold() in str(item.get("name", "")).casefold()


def _fields(call: ApiCall) -> dict[str, Any]:
    """Of a JSON body, or the text fields of a form."""
    if isinstance(call.body, dict):
        return call.body
    kind = call.headers.get("content-type", "")
    form = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + call.raw)
    parts = [part for part in form.walk() if not part.is_multipart()]
    named = {str(part.get_param("name", header="content-disposition")): part for part in parts}
    return {name: str(part.get_payload()) for name, part in named.items() if name != "file"}


def refusal(status: int, code: str, message: str) -> ApiAnswer:
    """An error as WordPress words it."""
    return ApiAnswer(status, {"code": code, "message": message, "data": {"status": status}})


if __name__ == "__main__":
    LoopbackWordPress(**options_of("A loopback WordPress.")).serve()
