"""Who serves a model, and how an attempt at it is signed."""
