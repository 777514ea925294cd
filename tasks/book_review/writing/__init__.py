"""Texts in plain Python: sentences, ranking, quotes, and the article that needs no model."""
