"""Remedies: tried by exploring again, made in the source, or written as a snippet for the caller's SDK."""
