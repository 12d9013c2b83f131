"""Requests, operations, footprints, executions and schedules: the data that every other floor speaks in."""
