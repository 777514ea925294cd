"""Pydantic models that cross a boundary: stored, sent, cached or shown."""
