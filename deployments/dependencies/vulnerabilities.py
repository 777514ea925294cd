"""Which locked packages have a known vulnerability, as the OSV service tells pip-audit."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployments.dependencies.rules import DependencyRules

KEPT_SECONDS = 24 * 3600
"""How long an answer about an unchanged lock file is believed."""

_PATIENCE_SECONDS = 120
SERVICE = "https://api.osv.dev/v1/query"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One advisory about one package; `fixed_in` names versions without it, oldest first."""

    package: str
    version: str
    advisory: str
    fixed_in: list[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """What the service knows of `packages` packages; `asked` is seconds since the epoch."""

    packages: int
    found: list[Vulnerability]
    asked: float


class ServiceUnreachable(Exception):
    """The vulnerability service did not answer for every package."""


def audit(lock: Path, rules: DependencyRules, kept: Path, *, service: str | None = None) -> Audit:
    """The audit of a lock file. The answer is kept in `kept` for a day, or until the lock file or the rules change.

    Raises `ServiceUnreachable`; then nothing is kept.
    """
    about = _about(lock, rules)
    if known := _remembered(kept, about):
        return known
    told = _ask(lock, rules, service or SERVICE)
    fresh = Audit(packages=len(told), found=_vulnerabilities(told), asked=time.time())
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"about": about, **asdict(fresh)}))
    return fresh


def _about(lock: Path, rules: DependencyRules) -> str:
    asked = lock.read_bytes() + json.dumps(rules.accepted_advisories, sort_keys=True).encode()
    return hashlib.sha256(asked).hexdigest()


def _remembered(kept: Path, about: str) -> Audit | None:
    try:
        told = json.loads(kept.read_text())
        if told.pop("about") != about or time.time() - told["asked"] > KEPT_SECONDS:
            return None
        return Audit(told["packages"], [Vulnerability(**one) for one in told["found"]], told["asked"])
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or one that an older version wrote
        return None


def _ask(lock: Path, rules: DependencyRules, service: str) -> list[dict[str, Any]]:
    ignored = [word for advisory in sorted(rules.accepted_advisories) for word in ("--ignore-vuln", advisory)]
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"),
        *("--vulnerability-service", "osv", "--osv-url", service, "--timeout", "5"),
        *("--format", "json", "--progress-spinner", "off", *ignored),
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ServiceUnreachable(f"it was not done after {_PATIENCE_SECONDS} s") from error
    try:
        packages: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceUnreachable(_last_line(ran.stderr)) from error
    # pip-audit counts a package that it could not ask about as skipped, and passes.
    if skipped := [package["name"] for package in packages if package.get("skip_reason")]:
        raise ServiceUnreachable(f"it has no answer about {len(skipped)} packages, such as {skipped[0]}")
    return packages


def _last_line(told: str) -> str:
    lines = told.strip().splitlines() or ["it said nothing"]
    return lines[-1].partition(": ")[0][:200]


def _vulnerabilities(packages: list[dict[str, Any]]) -> list[Vulnerability]:
    return [
        Vulnerability(package["name"], package["version"], one["id"], list(one.get("fix_versions", [])))
        for package in packages
        for one in package.get("vulns", [])
    ]
