"""The stories: one flow per pipeline. What Prefect runs."""
