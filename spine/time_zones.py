"""Time zones by their IANA names, as the machine knows them."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spine.errors import NotConfiguredError


def zone_named(name: str) -> ZoneInfo:
    """The zone; upper and lower case count. Raises `NotConfiguredError` for a name that no zone has."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotConfiguredError(
            f"There is no time zone {name!r}; use an IANA name such as Europe/Bucharest.", what="time_zone"
        ) from None
