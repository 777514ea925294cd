"""One file that holds everything of a stack, and the way back from it."""
