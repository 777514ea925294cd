"""The local stack: every process of one Millrace under one supervisor, its state in one folder."""
