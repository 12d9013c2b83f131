"""Distributes the exploration: in-process, over child processes, or over a cluster; and keeps a journal of it."""
