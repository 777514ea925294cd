"""What containers need beside the programs that run in them."""
