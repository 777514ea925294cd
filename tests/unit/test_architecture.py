"""The design's import direction, kept by reading every import of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "tasks", "blocks", "deployments", "gateway", "spine")

MAY_IMPORT = {
    "flows": {"flows", "tasks", "blocks", "spine"},
    "tasks": {"tasks", "blocks", "spine"},
    "blocks": {"blocks", "spine"},
    "spine": {"spine"},
    "gateway": {"gateway", "blocks", "spine"},
    "deployments": set(PACKAGES),
}

FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports_of(module: Path) -> Iterator[str]:
    """Absolute names of what the module imports, including imports inside functions."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", list(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_in_the_direction_of_the_design(module: Path) -> None:
    package = module.relative_to(ROOT).parts[0]
    siblings = {name.split(".")[0] for name in imports_of(module)} & set(PACKAGES)
    assert siblings <= MAY_IMPORT[package]


@pytest.mark.parametrize(
    "module",
    [path for path in modules() if path.relative_to(ROOT).parts[0] == "spine"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_inside_the_spine_only_services_reaches_for_adapters(module: Path) -> None:
    place = module.relative_to(ROOT).parts
    if place[1] in ("services.py", "adapters", "testing"):
        return
    assert not [name for name in imports_of(module) if name.startswith("spine.adapters")]


def test_no_module_takes_the_name_of_a_package_it_stands_beside_or_a_drawer_name() -> None:
    foreign = {"redis", "prefect", "docket", "httpx", "openai", "groq", "pymongo", "chromadb", "playwright", "fastapi"}
    names = {path.stem for path in modules()}
    assert not names & (foreign | FORBIDDEN_NAMES)


def test_models_and_errors_never_live_in_flow_files() -> None:
    """Prefect's loader imports a flow file under a second name, and a class of it would exist twice."""
    for module in (ROOT / "flows").glob("*.py"):
        assert not [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.ClassDef)], module
