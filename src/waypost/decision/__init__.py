"""Rules in three-valued logic."""
