"""Bytes in, bytes out: the ext_proc side."""
