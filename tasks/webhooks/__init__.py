"""What a verified webhook starts."""
