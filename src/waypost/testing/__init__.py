"""Test vocabulary for Waypost and its plugins."""
