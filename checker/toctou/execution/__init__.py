"""Runs one schedule of one scenario, or looks it up where its steps are memoised, and judges it."""
