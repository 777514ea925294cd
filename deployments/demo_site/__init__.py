"""Four pages about an invented book, served on loopback for the demo review."""
