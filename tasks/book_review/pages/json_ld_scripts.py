"""JSON-LD as pages write it: shut off from old browsers and XML parsers by comment and CDATA marks."""

from __future__ import annotations

import re

_MARKS = ("<![CDATA[", "]]>", "<!--", "-->", "//", "/*", "*/", ";")
_MOST_MARKS = 8  # around one script
_SCRIPT = re.compile(r"(<script\b[^<>]{0,300}ld\+json[^<>]{0,300}>)(.*?)(?=</script|\Z)", re.IGNORECASE | re.DOTALL)


def unwrapped(script: str) -> str:
    """The JSON alone, which begins and ends with none of these marks."""
    for _ in range(_MOST_MARKS):
        before = script
        for mark in _MARKS:
            script = script.strip().removeprefix(mark).removesuffix(mark)
        if script == before:
            break
    return script


def with_bare_json_ld(html: str) -> str:
    """The same page with every JSON-LD script unwrapped."""
    return _SCRIPT.sub(lambda found: found[1] + unwrapped(found[2]), html)
