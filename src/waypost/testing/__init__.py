"""Test vocabulary for Waypost and its plugins: small policies, fake signals, playbooks, contracts."""
