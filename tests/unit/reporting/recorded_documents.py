"""Documents of a recorded session and of a scan, with a sentence too long for any line in each of their parts."""

from __future__ import annotations

from bare_documents import run_document
from sample_reports import make_model, make_run, make_violation

LONG = (
    "that another request had changed in the meantime, which the handler did not notice because it never looked again "
    * 2
)
RUN = run_document(make_run(make_model(make_violation())))
SOURCE = {
    "file": "shop/handlers/orders.py",
    "line": 40,
    "function": "Orders.cancel",
    "text": "table.delete_item(Key=key)",
}
RECORDED = {
    "requests": 12,
    "handlers": 3,
    "tests": 9,
    "missing": [],
    "callers": ["alice", "bob"],
    "principal": "headers.x-user",
    "owner": "",
    "evidence": LONG,
    "outside": [LONG],
    "doubts": {LONG: 3},
    "windows": [
        {
            "rank": "high",
            "handler": "DELETE /orders/{order_id}",
            "table": "Orders",
            "read": SOURCE,
            "reads": "GetItem",
            "write": SOURCE,
            "action": "DeleteItem",
            "condition": ["version"],
            "shown": LONG.strip(),
            "reasons": ["deletes", LONG.strip()],
        }
    ],
    "run": RUN,
    "seconds": 60.0,
    "unreplayable": {"POST /orders": LONG},
    "left": [["DELETE /orders/{order_id}", "PUT /orders/{order_id}"]],
    "apart": [["DELETE /orders/{order_id}", "POST /orders"]],
    "directory": "reports/pytest/recorded",
    "faults": [],
}
OPERATION = {
    "operation": "DELETE /orders/{order_id}",
    "name": "cancel_order",
    "verdict": "VIOLATED",
    "stop_reason": None,
    "detail": LONG,
    "unreached": "",
    "security": [],
    "requests": [],
    "optional": [],
    "members": {"explored": [], "alone": [], "refused": [], "unsent": [], "pairs": 0},
    "undocumented": ["409"],
    "accesses": [
        {
            "action": action,
            "items": ["Orders[o1]"],
            "reads": ["owner", "status", "created_at"],
            "conditions": [],
            "writes": [],
            "source": SOURCE,
        }
        for action in ("GetItem", "DeleteItem")
    ],
    "windows": [{"item": "Orders[o1]", "read": 0, "write": 1, "unchecked": ["owner", "status"], "condition": []}],
    "scenarios": 3,
    "schedules": 9,
    "findings": [{**RUN["findings"][0], "weaknesses": ["CWE-367"]}],
}
SCANNED = {
    "kind": "scan",
    "model": "orders_model.py:Orders",
    "document": {"name": "openapi.json", "openapi": "3.1.0"},
    "pairs": {"total": 6, "conflicting": 3},
    "remarks": [LONG],
    "operations": [OPERATION],
    "unusable": [{"operation": "PATCH /orders", "name": "patch_orders", "reason": LONG}],
    "idle_handlers": [],
}
