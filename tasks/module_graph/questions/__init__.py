"""Reading customers' questions in Portuguese and English, without a model."""
