"""A model of an application whose document describes some operations wrongly."""

from __future__ import annotations

import pytest

from toctou import App, check
from toctou.errors import DocumentError

IMPOSSIBLE = {"parameters": [{"name": "q", "in": "query", "required": True, "schema": {"enum": []}}]}
DANGLING = {"parameters": [{"$ref": "#/nowhere"}]}


@pytest.mark.parametrize(("bad", "said"), [(IMPOSSIBLE, "no value was found"), (DANGLING, "leads nowhere")])
def test_operations_that_cannot_be_read_are_no_handlers_and_end_a_check(bad, said):
    """A scan reports them beside the others; a check would say nothing about their races."""

    class Partly(App):
        app = staticmethod(lambda environ, start_response: [])
        document = {"openapi": "3.1.0", "paths": {"/bad": {"get": bad}, "/good": {"get": {"operationId": "good"}}}}

    assert list(Partly.handlers()) == ["good"]
    with pytest.raises(DocumentError, match=said):
        check(Partly)
