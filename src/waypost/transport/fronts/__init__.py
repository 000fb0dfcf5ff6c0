"""Servers that carry ext_proc streams."""
