"""Waypost: an OpenAI-compatible Mixture-of-Models router behind Envoy."""
