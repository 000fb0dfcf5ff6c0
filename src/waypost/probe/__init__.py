"""One small real request to each provider: can it be reached, and does it serve what is configured."""
