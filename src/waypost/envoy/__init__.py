"""Envoy documents and the process that serves them."""
