"""Tries remedies: applies them to the calls of handlers, and explores again."""
