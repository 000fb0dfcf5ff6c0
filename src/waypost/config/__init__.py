"""From YAML to Policy."""
