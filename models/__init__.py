"""Handlers in racy and fixed variants, and the references that specify them; not part of the installation."""
