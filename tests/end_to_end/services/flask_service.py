"""The Flask application of this folder in a process of its own: ``python flask_service.py RacyItems PORT``."""

from __future__ import annotations

import sys

import flask_items

getattr(flask_items, sys.argv[1]).app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
