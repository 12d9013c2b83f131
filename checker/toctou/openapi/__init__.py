"""OpenAPI documents: reading them, resolving their references, and building requests for their operations."""
