"""Named questions about a request, and their answers."""
