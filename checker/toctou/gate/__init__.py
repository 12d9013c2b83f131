"""Requests served in other threads or processes: their DynamoDB calls are held until the schedule runs them."""
