"""The stories: one flow per pipeline. What Prefect runs."""

import os

# A flow that is called where no Prefect server is known starts one for itself. On a busy machine that takes
# longer than Prefect's default patience of 20 s.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")

# That server does not tell Prefect's makers that it ran, and neither does a stack's.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
