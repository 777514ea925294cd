"""What is known about coding agents: how each is called, and what its output says. No process is started here."""
