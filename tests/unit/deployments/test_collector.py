"""The garbage collector leaves alone what was loaded before the work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deployments.collector import loading, set_aside_what_is_loaded


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_was_loaded_is_not_looked_at_again_and_what_the_work_leaves_still_is() -> None:
    loaded = len(gc.get_objects())
    set_aside_what_is_loaded()
    assert len(gc.get_objects()) < loaded / 10 < gc.get_freeze_count()

    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() == 1


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_looked_for_while_code_is_loaded_and_what_was_loaded_is_not_later(fails: bool) -> None:
    with suppress(ImportError), loading():
        assert not gc.isenabled()
        if fails:
            raise ImportError
    assert gc.isenabled()
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10
