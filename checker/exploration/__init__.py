"""Scenarios, their exploration, and what comes out of it."""
