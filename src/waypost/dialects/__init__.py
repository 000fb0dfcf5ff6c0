"""Wire formats: pure parsing and writing."""
