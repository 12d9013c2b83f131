"""WSGI and ASGI applications, asked in this process."""
