"""How changes of what other AWS services hold are told."""

import pytest

from toctou.history.item import Change, ItemId
from toctou.history.wording import change_text

MESSAGE = ItemId("sqs:notes", (("S", "hello"),))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (None, 1, "put 'hello' into sqs:notes"),
        (1, 2, "put 'hello' into sqs:notes once more"),
        (2, 1, "changed times of sqs:notes[hello] from 2 to 1"),
        (1, None, "removed sqs:notes[hello]"),
    ],
)
def test_messages_are_put_once_or_once_more(before: int | None, after: int | None, text: str) -> None:
    images = [None if times is None else {"times": {"N": str(times)}} for times in (before, after)]
    assert change_text(Change(MESSAGE, *images)) == text
