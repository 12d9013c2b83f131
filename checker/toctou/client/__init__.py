"""The intercepted boto3 client of handlers, and the backends behind it."""
