"""The parts of main-text extraction: cleaning, two readings, line rules, metadata."""
