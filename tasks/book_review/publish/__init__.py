"""What is published of a review: the post's text, its terms, its cover."""
