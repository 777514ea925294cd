"""`python -m deployments.dependencies`: refuses licences that are not taken and packages with known vulnerabilities."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from deployments.dependencies.licences import by_licence, licences_of, refused
from deployments.dependencies.rules import DependencyRules, read_rules
from deployments.dependencies.vulnerabilities import ServiceUnreachable, audit

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
KEPT = ROOT / ".tools" / "audit.json"
_SHOWN = 6


def main() -> int:
    rules = read_rules(ROOT / "pyproject.toml")
    wrong = [*_licences(rules), *_vulnerabilities(rules)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def _licences(rules: DependencyRules) -> Iterator[str]:
    found = licences_of(LOCK, rules)
    for licence, names in by_licence(found).items():
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        print(f"licence {licence}: {shown}")
    for package in refused(found, rules):
        yield (
            f"{package.name} {package.version} stands under {package.licence!r}, which is not in "
            "[tool.millrace.dependencies] of pyproject.toml: do without it, or add the licence there."
        )


def _vulnerabilities(rules: DependencyRules) -> Iterator[str]:
    try:
        answer = audit(LOCK, rules, KEPT)
    except ServiceUnreachable as error:
        print(f"vulnerabilities: NOT CHECKED, the service could not be asked: {error}")
        return
    print(f"vulnerabilities: {len(answer.found)} known in {answer.packages} packages")
    for one in answer.found:
        fixed = f"take {' or '.join(one.fixed_in)}" if one.fixed_in else "there is no fixed version yet"
        yield f"{one.package} {one.version} has {one.advisory}: {fixed}, or accept it in pyproject.toml."


if __name__ == "__main__":
    sys.exit(main())
