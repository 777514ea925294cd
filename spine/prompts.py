"""Stored prompts: versions that never change, and which version of a purpose is in use.

Activating writes one number into one document: of a purpose's versions, the one with the highest `activation` is the
one in use. So there is exactly one at every moment, whoever activates at the same time and whatever crashes; going
back to an older version is activating it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spine.contracts.pipelines import Prompt
from spine.documents import PROMPTS, Page, page_of
from spine.errors import DuplicateError, NotFoundError
from spine.ports import Document, Documents

_ACTIVATION = "activation"
_ORDER = [("purpose", 1), ("version", -1)]
_PIN = ":"
_NAMED = 10  # versions that an error lists


class PromptShelf:
    """Reads and writes `prompts`. Holds nothing between calls."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    # -- reading -----------------------------------------------------------------------------------------

    async def active(self, purpose: str) -> Prompt | None:
        """The version in use; None for a purpose without a stored prompt."""
        document = await self._active(purpose)
        return prompt_from(document, active=True) if document else None

    async def version(self, purpose: str, version: int) -> Prompt | None:
        found = await self._documents.find(PROMPTS, {"purpose": purpose, "version": version}, limit=1)
        return await self._read(found[0]) if found else None

    async def named(self, name: str) -> Prompt | None:
        """What a step means by `prompt_id`: the version in use, or with `id:3` that very version."""
        _, pinned, version = name.rpartition(_PIN)
        if pinned and version.isdecimal():
            document = await self._documents.get(PROMPTS, name)
            return await self._read(document) if document else None
        newest = await self._newest({"prompt_id": name})
        return await self.active(newest["purpose"]) if newest else None

    async def versions(self, purpose: str) -> list[int]:
        """Every stored version of the purpose, newest first."""
        found = await self._documents.find(PROMPTS, {"purpose": purpose}, sort=[("version", -1)])
        return [document["version"] for document in found]

    async def page(self, *, purpose: str | None, active: bool | None, limit: int, cursor: str | None) -> Page:
        """Prompts by purpose, newest version first; the items are documents of `Prompt` with `active` as it is now."""
        where: dict[str, Any] = {"purpose": purpose} if purpose is not None else {}
        used = await self._used(where)
        if active is not None:
            where["_id"] = {"$in" if active else "$nin": sorted(used)}
        page = await page_of(self._documents, PROMPTS, where, sort=_ORDER, limit=limit, cursor=cursor)
        items = [{**document, "active": document["_id"] in used} for document in page.items]
        return Page(items=items, total=page.total, next=page.next)

    # -- writing -----------------------------------------------------------------------------------------

    async def add(self, prompt: Prompt) -> Prompt:
        """Store it as the next version of its purpose, whatever version it says; in use at once when it is `active`.

        The first version of a purpose is in use in any case.
        """
        while True:
            newest = await self._newest({"purpose": prompt.purpose})
            in_use = await self._active(prompt.purpose)
            stored = prompt.model_copy(
                update={
                    "prompt_id": newest["prompt_id"] if newest else prompt.prompt_id,
                    "version": newest["version"] + 1 if newest else 1,
                    "active": prompt.active or newest is None,
                }
            )
            document = prompt_document(stored)
            if stored.active:
                document[_ACTIVATION] = _next_activation(in_use)
            try:
                await self._documents.insert(PROMPTS, document)
            except DuplicateError:
                continue  # somebody else took this version, or activated another at the same moment
            return stored

    async def seed(self, prompt: Prompt) -> bool:
        """Store version 1 of a purpose that has no prompt yet; says whether it did."""
        if await self._newest({"purpose": prompt.purpose}):
            return False
        try:
            await self._documents.insert(PROMPTS, {**prompt_document(prompt), _ACTIVATION: 1})
        except DuplicateError:
            return False
        return True

    async def seed_all(self, prompts: Iterable[Prompt]) -> list[str]:
        """`seed` for each; says what was added."""
        return [f"prompt {one.purpose} v{one.version}" for one in prompts if await self.seed(one)]

    async def activate(self, prompt_id: str, version: int) -> Prompt:
        """Use this version from now on; it is in use when this returns, unless somebody else chose after it."""
        document = await self._document(prompt_id, version)
        while True:
            in_use = await self._active(document["purpose"])
            if in_use and in_use["_id"] == document["_id"] and _ACTIVATION in in_use:
                return prompt_from(document, active=True)
            try:
                await self._documents.update(
                    PROMPTS, {"_id": document["_id"]}, set={_ACTIVATION: _next_activation(in_use)}
                )
            except DuplicateError:
                continue  # somebody else activated a version at the same moment; this call comes after it
            return prompt_from(document, active=True)

    async def get(self, prompt_id: str, version: int) -> Prompt:
        """`NotFoundError` names the versions that there are."""
        return await self._read(await self._document(prompt_id, version))

    # -- inside ------------------------------------------------------------------------------------------

    async def _document(self, prompt_id: str, version: int) -> Document:
        found = await self._documents.find(PROMPTS, {"prompt_id": prompt_id, "version": version}, limit=1)
        if found:
            return found[0]
        newest = await self._documents.find(PROMPTS, {"prompt_id": prompt_id}, sort=[("version", -1)], limit=_NAMED)
        if not newest:
            raise NotFoundError(f"There is no prompt {prompt_id!r}; `GET /prompts` lists them.")
        known = ", ".join(str(document["version"]) for document in newest)
        among = "it has" if len(newest) < _NAMED else "its newest are"
        raise NotFoundError(f"The prompt {prompt_id} has no version {version}; {among} {known}.")

    async def _read(self, document: Document) -> Prompt:
        in_use = await self._active(document["purpose"])
        return prompt_from(document, active=in_use is not None and in_use["_id"] == document["_id"])

    async def _active(self, purpose: str) -> Document | None:
        where = {"purpose": purpose, _ACTIVATION: {"$exists": True}}
        found = await self._documents.find(PROMPTS, where, sort=[(_ACTIVATION, -1)], limit=1)
        # A prompt that was stored by other means than this shelf counts by its own word.
        return found[0] if found else await self._newest({"purpose": purpose, "active": True})

    async def _newest(self, where: dict[str, Any]) -> Document | None:
        found = await self._documents.find(PROMPTS, where, sort=[("version", -1)], limit=1)
        return found[0] if found else None

    async def _used(self, where: dict[str, Any]) -> set[str]:
        purposes = {document["purpose"] for document in await self._documents.find(PROMPTS, where)}
        return {document["_id"] for purpose in purposes if (document := await self._active(purpose))}


def _next_activation(in_use: Document | None) -> int:
    return (in_use.get(_ACTIVATION) or 0) + 1 if in_use else 1


def prompt_from(document: Document, *, active: bool | None = None) -> Prompt:
    """The prompt in a stored document; `active` is known to the shelf, not to the document."""
    fields = {name: value for name, value in document.items() if name not in ("_id", _ACTIVATION)}
    if active is not None:
        fields["active"] = active
    return Prompt.model_validate(fields)


def prompt_document(prompt: Prompt) -> Document:
    fields = prompt.model_dump(mode="json", exclude={"active"})
    return {"_id": f"{prompt.prompt_id}{_PIN}{prompt.version}", **fields}
