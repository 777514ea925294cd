"""The modules that Millrace ships: one file with one class each."""
