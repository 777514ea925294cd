"""Many submissions as one summary job."""
