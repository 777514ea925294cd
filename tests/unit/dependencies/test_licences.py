"""Which licences are taken, whatever way a package's metadata names them."""

from __future__ import annotations

import email
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from deployments.dependencies.licences import UNKNOWN, PackageLicence, is_taken, licences_of, refused, stated_licence
from deployments.dependencies.rules import DependencyRules, read_rules
from tests.conftest import PROJECT_ROOT

TAKEN = frozenset({"MIT", "Apache-2.0", "Zlib"})


class Described(Distribution):
    """A package of which only the metadata is known."""

    def __init__(self, metadata: str) -> None:
        self._told = metadata

    def read_text(self, filename: str) -> str | None:
        return self._told if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        pytest.param("MIT", True, id="on the list"),
        pytest.param("GPL-3.0-only", False, id="not on the list"),
        pytest.param("GPL-3.0-only OR MIT", True, id="a choice"),
        pytest.param("GPL-3.0-only AND MIT", False, id="both at once"),
        pytest.param("MIT AND (GPL-3.0-only OR Zlib)", True, id="a choice within"),
        pytest.param("MIT AND Zlib AND GPL-3.0-only", False, id="the last of three"),
        pytest.param("GPL-2.0-only WITH Classpath-exception-2.0", False, id="an exception that nobody has read"),
        pytest.param("whatever you like", False, id="no expression"),
        pytest.param("", False, id="nothing"),
        pytest.param(UNKNOWN, False, id="unknown"),
        pytest.param("MIT AND (", False, id="half an expression"),
    ],
)
def test_a_licence_is_taken_when_the_list_can_meet_it(expression: str, taken: bool) -> None:
    assert is_taken(expression, TAKEN) is taken


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        pytest.param("License-Expression: MIT AND Zlib", "MIT AND Zlib", id="an SPDX expression"),
        pytest.param("Classifier: License :: OSI Approved :: MIT License", "MIT", id="a classifier"),
        pytest.param(
            "Classifier: License :: DFSG approved\nClassifier: License :: OSI Approved :: MIT License",
            "MIT",
            id="a classifier that is no licence",
        ),
        pytest.param(
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: Apache Software License",
            "MIT OR Apache-2.0",
            id="two classifiers are a choice",
        ),
        pytest.param("License: Apache License, Version 2.0", "Apache-2.0", id="free text"),
        pytest.param("License: Do no evil", "Do no evil", id="free text that is no licence we know"),
        pytest.param("Name: bare", UNKNOWN, id="nothing at all"),
    ],
)
def test_metadata_of_every_age_is_understood(metadata: str, licence: str) -> None:
    assert email.message_from_string(metadata).items()
    assert stated_licence(Described(metadata)) == licence


def test_a_package_outside_the_list_is_named() -> None:
    gpl = PackageLicence("viral", "1.0", "GPL-3.0-only")
    assert refused([PackageLicence("fine", "1.0", "MIT"), gpl], DependencyRules(licences=TAKEN)) == [gpl]


def test_somebody_has_read_the_licence_file_of_a_package_that_names_none(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("pytest==0 \\\n    --hash=sha256:0\nno-such-package==1\n")
    rules = DependencyRules(licences=TAKEN, stated_licences={"pytest": "Zlib"})
    assert [(one.name, one.licence) for one in licences_of(lock, rules)] == [("pytest", "Zlib")]


def test_every_locked_package_stands_under_a_licence_that_is_taken() -> None:
    rules = read_rules(PROJECT_ROOT / "pyproject.toml")
    found = licences_of(PROJECT_ROOT / "requirements.lock", rules)
    assert len(found) > 150
    assert refused(found, rules) == []
