"""Whether an address answers, for a container that has no curl: `python -m deployments.containers.answers URL`."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

SECONDS = 4.0


def complaint(url: str) -> str | None:
    """None when GET answers with a status below 400, else what is wrong."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310 - its caller is the container's own health check
            return None
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"{url}: {error}"


if __name__ == "__main__":
    sys.exit(complaint(sys.argv[1]))
