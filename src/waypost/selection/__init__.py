"""From decision to models and failover chain."""
