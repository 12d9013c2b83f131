"""Counterexamples: minimised, confirmed on a second backend, completed for the reader."""
