"""A backlog card done by a supervised coding agent."""
