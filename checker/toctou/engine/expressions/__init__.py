"""Expressions: condition, filter, key condition, projection and update."""
