"""Persona ingestion: from source files to chunks, and what a collection has to change."""
