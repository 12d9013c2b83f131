"""Scans an API: what each operation of its OpenAPI document does in DynamoDB, and which operations race."""
