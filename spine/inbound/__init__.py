"""What platforms post to us, turned into messages; pure functions that accept whatever arrives."""
