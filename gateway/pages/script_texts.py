"""What the dashboard's scripts say; the page hands it to them in the reader's language."""

from __future__ import annotations

from typing import Final

from gateway.pages.views import words
from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.submissions import STAGES

SCRIPT_TEXTS: Final = {
    "live": "Live",
    "lost": "Connection lost, trying again …",
    "again": "Connected again",
    "away": "The gateway does not answer. Try again in a moment.",
    "refused": "The gateway refused this ({status}).",
    "logged_out": "Your session has ended. What you typed stays here and can be sent once you have logged in.",
    "login": "Log in again in another tab",
    "seconds_left": "about {number} s left",
    "minutes_left": "about {number} min left",
    "choose": "Choose one or more first.",
    "once": "Copy it now, it is not shown again: {text}",
}
"""Messages of the catalogues by the name that the scripts know them by; {names} are filled in there."""

NAMES: Final = tuple(words(str(name)) for name in (*JobStatus, *SubmissionStatus, *STAGES))
"""Names of statuses and stages that events bring."""
