"""Housekeeping: what the stack does for itself on a schedule."""
