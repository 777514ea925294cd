"""The part of the live lane that keeps conversations in order and fair to each other."""
