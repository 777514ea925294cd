"""Which errors say that the process lacks something for a while."""

from __future__ import annotations

import errno

import pytest

from spine.errors import PermanentError
from spine.scarcity import is_scarcity


def raised_from(cause: BaseException) -> BaseException:
    error = PermanentError("a module met it")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        pytest.param(MemoryError(), True, id="no memory"),
        pytest.param(OSError(errno.EMFILE, "too many open files"), True, id="no file"),
        pytest.param(OSError(errno.ENOSPC, "no space left"), True, id="no room"),
        pytest.param(OSError(errno.EROFS, "read-only file system"), True, id="a disk that takes nothing for now"),
        pytest.param(RuntimeError("can't start new thread"), True, id="no thread"),
        pytest.param(raised_from(MemoryError()), True, id="an error that was made of it"),
        pytest.param(OSError(errno.ENOENT, "no such file"), False, id="a file that is not there"),
        pytest.param(RuntimeError("it does not work"), False, id="any other fault"),
        pytest.param(raised_from(ValueError()), False, id="an error that was made of a mistake"),
    ],
)
def test_want_is_told_from_mistakes(error: BaseException, passes: bool) -> None:
    assert is_scarcity(error) is passes
