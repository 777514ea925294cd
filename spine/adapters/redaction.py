"""Takes secrets out of what others say, in whatever form they say them.

A server that repeats the key it was sent writes it as it is, inside JSON or an address, in base64, or in several of
these at once. Pure; nothing is remembered.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html.entities import codepoint2name
from typing import Any, cast

HIDDEN = "[hidden]"

SHORTEST_SECRET = 8
"""Characters. A shorter one, such as the key `test` of a local server, is a word that may stand in any text."""


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """`text` without the secrets, however often they were escaped on their way."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = re.sub(_any_form_of(secret), HIDDEN, text)
    return text


def cleared(value: Any, secrets: Sequence[str]) -> Any:
    """A JSON value whose texts, names of fields included, are without the secrets."""
    if isinstance(value, str):
        return without_secrets(value, secrets)
    if isinstance(value, list):
        return [cleared(part, secrets) for part in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {without_secrets(name, secrets): cleared(part, secrets) for name, part in fields.items()}
    return value


def _any_form_of(secret: str) -> str:
    return "|".join(["".join(_any_form_of_character(one) for one in secret), *map(re.escape, _in_base64(secret))])


def _any_form_of_character(character: str) -> str:
    r"""A letter or digit stands for itself; `"` also for `\"`, `\\"`, `%22`, `%2522`, `\u0022`, `&quot;`, `&#34;`."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    in_address = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
    forms = [rf"\\*{re.escape(character)}", rf"(?i:{in_address}|\\+u{code:04x}|&#(?:0*{code}|x0*{code:x});)"]
    if name := codepoint2name.get(code):
        forms.append(f"&{name};")
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _in_base64(secret: str) -> list[str]:
    """What base64 makes of it at each place that it can have among three bytes, without its neighbours' share."""
    raw = secret.encode()
    found: list[str] = []
    for before in range(3):
        coded = b64encode(bytes(before) + raw).decode().rstrip("=")
        whole = (before + len(raw)) * 8 // 6  # characters that do not depend on what follows
        found.append(coded[(before * 8 + 5) // 6 : whole])
    return [*found, *(form.replace("+", "-").replace("/", "_") for form in found if "+" in form or "/" in form)]
