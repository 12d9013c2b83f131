"""Handlers in racy and fixed pairs, and the references that say what they should do; not part of the installation."""
