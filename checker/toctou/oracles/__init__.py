"""Oracles: each judges one execution by one property, and is named after it."""
