"""One reader for each kind of file; each is handed an open file and yields a bounded stream."""
