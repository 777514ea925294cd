"""Under which licence each locked package stands, and whether that is one that Millrace takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, cast

from license_expression import ExpressionError, Licensing, get_spdx_licensing

from deployments.dependencies.rules import DependencyRules

UNKNOWN = "unknown"

# What metadata from before SPDX expressions says. "BSD" is one of its two common forms; both are taken.
_OLD_NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache license, version 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "artistic license": "Artistic-1.0-Perl",
    "bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "gnu general public license (gpl)": "GPL-2.0-or-later",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.1-or-later",
    "gnu lesser general public license v2 (lgplv2)": "LGPL-2.1-only",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "w3c license": "W3C",
}
_NO_LICENCE_OF_ITS_OWN = {"dfsg approved", "osi approved"}


@dataclass(frozen=True, slots=True)
class PackageLicence:
    """`licence` is an SPDX expression, or what the metadata says when it is none."""

    name: str
    version: str
    licence: str


def licences_of(lock: Path, rules: DependencyRules) -> list[PackageLicence]:
    """Of every locked package that is installed here, by name; those for other systems are not."""
    names = sorted({name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.M)})
    return [
        PackageLicence(name, found.version, rules.stated_licences.get(name) or stated_licence(found))
        for name, found in ((name, _installed(name)) for name in names)
        if found is not None
    ]


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def stated_licence(package: Distribution) -> str:
    """Its SPDX expression, else its classifiers (any of them may be chosen), else the first line of its text."""
    told = cast(Message, package.metadata)
    if expression := told.get("License-Expression"):
        return expression
    classifiers = [line.split(" :: ")[-1] for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    named = list(dict.fromkeys(_modern(name) for name in classifiers if name.lower() not in _NO_LICENCE_OF_ITS_OWN))
    if named:
        return " OR ".join(named)
    lines = (told.get("License") or "").strip().splitlines()
    return _modern(lines[0]) if lines else UNKNOWN


def _modern(name: str) -> str:
    return _OLD_NAMES.get(name.strip().lower(), name.strip())


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def is_taken(expression: str, licences: frozenset[str]) -> bool:
    """Whether the expression can be met with these licences: one side of an OR is enough, an AND needs all."""
    try:
        parsed = _spdx().parse(expression, validate=True)
    except ExpressionError:
        return False
    return parsed is not None and _holds(parsed, licences)


def _holds(part: Any, licences: frozenset[str]) -> bool:
    if isinstance(part, _spdx().OR):
        return any(_holds(one, licences) for one in part.args)
    if isinstance(part, _spdx().AND):
        return all(_holds(one, licences) for one in part.args)
    return str(part) in licences


def refused(found: Iterable[PackageLicence], rules: DependencyRules) -> list[PackageLicence]:
    return [package for package in found if not is_taken(package.licence, rules.licences)]


def by_licence(found: Iterable[PackageLicence]) -> Mapping[str, list[str]]:
    """Names of packages by licence, the most common licence first."""
    grouped: dict[str, list[str]] = {}
    for package in found:
        grouped.setdefault(package.licence, []).append(package.name)
    return dict(sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0])))
