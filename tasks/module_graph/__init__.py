"""Graphs of small modules: declared as data, run as jobs."""
