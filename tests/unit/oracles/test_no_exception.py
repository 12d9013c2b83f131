"""No exception: a handler that raises is a finding with its place."""

from dataclasses import replace

from history_notation import parse

from toctou.history.request import SourceLine
from toctou.oracles.no_exception import NoException


def test_accepts_answers_of_every_status():
    assert list(NoException().judge(parse("A.get(x) A=500 B.get(x) B=204"))) == []


def test_rejects_a_handler_that_raised():
    (finding,) = NoException().judge(parse("A alice: read(item_id='x')\nB.get(x) A.get(x) A=raises(KeyError: 'Item')"))
    assert finding.statement == "alice's read raised KeyError: 'Item'"
    assert (finding.oracle, finding.requests, finding.operations) == ("no_exception", (0,), (1,))


def test_the_statement_quotes_the_source_but_no_line_number():
    execution = parse("A alice: read(item_id='x')\nA.get(x) A=raises(KeyError: 'Item')")
    source = SourceLine("app/items.py", 12, "owner_of", "    return reply['Item']")
    raised = replace(execution.responses[0].exception, source=source)
    execution = replace(execution, responses=(replace(execution.responses[0], exception=raised),))
    (finding,) = NoException().judge(execution)
    assert finding.statement == "alice's read raised KeyError: 'Item' in owner_of at `return reply['Item']`"
