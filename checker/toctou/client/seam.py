"""Where calls of AWS clients are intercepted, and what was there first; it has to be imported before anything is intercepted."""

from __future__ import annotations

from botocore.client import BaseClient

SEAM = "_make_api_call"
"""botocore offers no public seam that skips signing and sending; this one has been there since its first release."""

call_service = getattr(BaseClient, SEAM)
"""Calls a service by a client, as that is before anything is intercepted."""
