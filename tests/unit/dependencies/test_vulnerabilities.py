"""The audit of locked packages, against a server that speaks OSV's wire format on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.dependencies import __main__ as command
from deployments.dependencies.rules import DependencyRules
from deployments.dependencies.vulnerabilities import KEPT_SECONDS, ServiceUnreachable, audit
from spine.testing.loopback_server import ConnectionHandler, LoopbackServer

LOCK = f"h11==0.14.0 \\\n    --hash=sha256:{'a' * 64}\nidna==3.6 \\\n    --hash=sha256:{'b' * 64}\n"
RULES = DependencyRules(licences=frozenset())


def advisory(package: str, identifier: str) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "0.16.0"}]
    return {
        "id": identifier,
        "summary": "chunks are read too kindly",
        "affected": [
            {
                "package": {"name": package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "versions": ["0.14.0"],
            }
        ],
    }


class OsvHandler(ConnectionHandler["Osv"]):
    def do_POST(self) -> None:
        asked = json.loads(self.content())["package"]["name"]
        self.served.asked.append(asked)
        body = json.dumps({"vulns": self.served.known.get(asked, [])}).encode()
        self.send_response(self.served.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Osv(LoopbackServer):
    """Knows the advisories in `known`, by package."""

    def __init__(self) -> None:
        super().__init__(OsvHandler)
        self.known: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.status = 200


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv() as server:
        yield server


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


def test_a_known_vulnerability_is_found_with_the_version_that_mends_it(osv: Osv, lock: Path, tmp_path: Path) -> None:
    osv.known["h11"] = [advisory("h11", "GHSA-vqfr-h8mv-ghfj")]
    told = audit(lock, RULES, tmp_path / "kept.json", service=osv.url)
    assert told.packages == 2
    assert [(one.package, one.advisory, one.fixed_in) for one in told.found] == [
        ("h11", "GHSA-vqfr-h8mv-ghfj", ["0.16.0"])
    ]


def test_an_advisory_that_was_looked_at_is_not_told_again(osv: Osv, lock: Path, tmp_path: Path) -> None:
    osv.known["h11"] = [advisory("h11", "GHSA-vqfr-h8mv-ghfj")]
    rules = DependencyRules(licences=frozenset(), accepted_advisories={"GHSA-vqfr-h8mv-ghfj": "no server of it here"})
    assert audit(lock, rules, tmp_path / "kept.json", service=osv.url).found == []


def test_an_answer_is_believed_for_a_day_or_until_the_lock_file_changes(osv: Osv, lock: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    first = audit(lock, RULES, kept, service=osv.url)
    assert audit(lock, RULES, kept, service="http://127.0.0.1:1") == first
    assert sorted(osv.asked) == ["h11", "idna"]

    kept.write_text(kept.read_text().replace(str(first.asked), str(time.time() - KEPT_SECONDS - 1)))
    lock.write_text(LOCK.replace("idna==3.6", "idna==3.7"))
    with pytest.raises(ServiceUnreachable):
        audit(lock, RULES, kept, service="http://127.0.0.1:1")


@pytest.mark.parametrize("status", [500, 404])
def test_a_service_that_fails_is_not_taken_for_good_news(osv: Osv, lock: Path, tmp_path: Path, status: int) -> None:
    osv.status = status
    kept = tmp_path / "kept.json"
    with pytest.raises(ServiceUnreachable):
        audit(lock, RULES, kept, service=osv.url)
    assert not kept.exists()


def test_lint_fails_on_a_vulnerability_and_passes_with_a_notice_where_nobody_can_be_asked(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "LOCK", lock)
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept.json")
    with Osv() as osv:
        osv.known["h11"] = [advisory("h11", "GHSA-vqfr-h8mv-ghfj")]
        monkeypatch.setattr("deployments.dependencies.vulnerabilities.SERVICE", osv.url)
        assert command.main() == 1
        assert "h11 0.14.0 has GHSA-vqfr-h8mv-ghfj: take 0.16.0" in capsys.readouterr().err
    (tmp_path / "kept.json").unlink()
    assert command.main() == 0
    assert "NOT CHECKED" in capsys.readouterr().out
