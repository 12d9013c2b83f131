"""OpenAPI documents: reading them, following their references, and making requests of their operations."""
