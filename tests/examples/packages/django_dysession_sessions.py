"""Sessions of Django that django-dysession stores in DynamoDB: a visit, and the end of the session."""

import django
from django.conf import settings

from toctou import Model, Table, handler

settings.configure(INSTALLED_APPS=["dysession"], SESSION_ENGINE="dysession.backends.db")
django.setup()

from dysession.backends.db import SessionStore  # noqa: E402  (needs the settings)

KEY = "0123456789abcdef0123456789abcdef"


class Sessions(Model):
    """A session that has ended must not come back, so a visit counts as before the end or finds no session."""

    tables = [Table("sessions", "PK")]
    items = {"sessions": [{"PK": KEY, "user": "alice"}]}
    principals = ["alice"]

    @handler(page=["/cart"])
    def visit(self, principal, page):
        session = SessionStore(KEY)
        if session.session_key is None:
            return 401
        session["page"] = page
        session.save()
        return 200

    @handler()
    def log_out(self, principal):
        SessionStore(KEY).delete()
        return 204
