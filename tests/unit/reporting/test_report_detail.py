"""The second zoom level in text."""

from dataclasses import replace

import pytest
from bare_documents import without_places
from rich.cells import cell_len
from sample_reports import MODEL, make_violation
from test_report_html import hostile

from toctou.history.operation import ErrorResponse
from toctou.reporting import detail, text
from toctou.reporting.document import violation_document


def steps(document):
    rendered = detail.render(document)
    return [" ".join(line.split()) for line in rendered.partition("STEP BY STEP\n")[2].splitlines()]


def test_the_report_comes_first_and_then_every_operation_in_full(violation):
    document = violation_document(MODEL, violation)
    assert detail.render(document).startswith(text.render_violation(document, stored=False))
    rows = steps(document)
    assert rows[0] == "at first Items {data: 'draft', item_id: 'i1', owner: 'alice', version: 1}"
    update = rows[rows.index("B.1 UpdateItem Items[i1]") : rows.index("A.2 DeleteItem Items[i1]")]
    assert update[1:] == [
        "alice: transfer",
        "code table.update_item(",
        "at models/delete_item.py:52, in transfer",
        "if attribute_exists(item_id) AND owner = 'alice'",
        "update SET owner = 'bob'",
        "outcome owner 'alice' → 'bob'",
        "item Items[i1]",
        "is now {data: 'draft', item_id: 'i1', owner: 'bob', version: 1}",
        "",
    ]
    assert rows[-1] == "is now deleted"
    assert detail.render(document).count("owner: 'bob', version: 1}") == 1


def test_a_refusal_says_what_the_service_said(violation):
    first, *others = violation.execution.operations
    refused = replace(first, result=None, error=ErrorResponse("ThrottlingException", "slow down"))
    execution = replace(violation.execution, operations=(refused, *others))
    rows = steps(violation_document(MODEL, replace(violation, execution=execution)))
    assert "failed ThrottlingException: slow down" in rows
    assert not any(row.startswith("read") for row in rows)


def test_the_parts_of_a_transaction_keep_their_names(violation):
    first, *others = violation.execution.operations
    parts = [{"ConditionCheck": {"ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}}]
    transaction = replace(first, action="TransactWriteItems", parameters={"TransactItems": parts})
    execution = replace(violation.execution, operations=(transaction, *others))
    assert "if ConditionCheck: n = 1" in steps(violation_document(MODEL, replace(violation, execution=execution)))


@pytest.mark.parametrize("width", [100, 80])
def test_it_fits_its_columns_and_nothing_reaches_the_terminal(width):
    for violation in (
        make_violation(),
        make_violation(principal="アリス" * 12, data="\x1b[31m\n" * 9),
        hostile("\x1b" * 90),
    ):
        rendered = detail.render(violation_document(MODEL, violation), width=width)
        pasted = [line for line in rendered.splitlines() if "toctou replay" in line or "schedule" in line]
        assert max(cell_len(line) for line in rendered.splitlines() if line not in pasted) <= width
        assert "\x1b" not in rendered


def test_a_sample_names_no_line(violation):
    assert ".py:" not in detail.render(without_places(violation_document(MODEL, violation))).replace(
        "delete_item.py:R", ""
    )
