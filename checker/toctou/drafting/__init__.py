"""Model files drafted from what a team has: templates, OpenAPI documents, applications, tests."""
