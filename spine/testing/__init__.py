"""In-memory twins of the ports and loopback servers that speak the real wire formats; they ship with Millrace."""
