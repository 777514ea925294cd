"""What `pyproject.toml` says about dependencies under `[tool.millrace.dependencies]`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DependencyRules:
    """Which licences are taken, and which advisories were looked at and do not apply."""

    licences: frozenset[str]
    """SPDX identifiers."""
    stated_licences: dict[str, str] = field(default_factory=dict[str, str])
    """SPDX expressions of packages whose metadata names no licence; somebody has read their licence file."""
    accepted_advisories: dict[str, str] = field(default_factory=dict[str, str])
    """By identifier, why it does not apply to Millrace."""


def read_rules(pyproject: Path) -> DependencyRules:
    told = tomllib.loads(pyproject.read_text())["tool"]["millrace"]["dependencies"]
    return DependencyRules(
        licences=frozenset(told["licences"]),
        stated_licences=told.get("stated-licences", {}),
        accepted_advisories=told.get("accepted-advisories", {}),
    )
