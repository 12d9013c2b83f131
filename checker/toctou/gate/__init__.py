"""Requests that are served elsewhere, in other threads or processes: their DynamoDB calls are held until their turn."""
