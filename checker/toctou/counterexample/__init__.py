"""What becomes of a violation: minimised, confirmed on a second backend, completed for a reader."""
