"""Explores the schedules of one scenario, and leaves out scenarios that differ by names only."""
