"""Engines that record."""
