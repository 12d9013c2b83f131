"""Dependency graphs of executions and their explanation; networkx lives here and nowhere else."""
