"""Providers for trying things out, on loopback."""
