"""Steps of the pipelines: one effect worth retrying each, beside plain functions that decide."""
