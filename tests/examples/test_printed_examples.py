"""Runs what README.md and the guides print, exactly as it is printed there."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from printed_examples import TEXTS, Example, examples, pattern, run, serving, skip_unless_there, write

EVERY = [example for text in TEXTS for example in examples(text)]


@pytest.mark.parametrize("example", EVERY, ids=lambda example: example.name)
def test_what_is_printed_comes_out(example: Example, tmp_path: Path) -> None:
    skip_unless_there(example, tmp_path)
    with serving(tmp_path, example) as url:
        for step in example.steps:
            write(step.files, tmp_path)
            finished = run(tmp_path, step.command.replace(example.serves, url) if url else step.command)
            assert finished.returncode == step.status, finished.stdout
            for printed in step.prints:
                assert pattern(printed).search(finished.stdout), finished.stdout


@pytest.mark.parametrize(
    ("printed", "output", "fits"),
    [
        ("one\ntwo", "zero\none\ntwo  \nthree\n", True),
        ("one\ntwo", "one\nand\ntwo\n", False),
        ("one\n…\ntwo", "one\nand\nmore\ntwo\n", True),
        ("one\n…\ntwo", "one\ntwo\n", True),
        ("one\n…\ntwo", "two\none\n", False),
        ("one … seconds", "one 1.5 seconds\n", True),
        ("one … seconds", "one 1.5 minutes\n", False),
        ("a   b", "a b\n", True),
        ("one", "one and more\n", False),
    ],
)
def test_an_output_is_held_against_what_is_printed(printed: str, output: str, fits: bool) -> None:
    assert (pattern(printed).search(output) is not None) == fits


MADE_UP = """
<!-- example: said.py -->
```python
print("one")
```

<!-- example: run, exits {status}, needs {needed} -->
```sh
python said.py
```

<!-- example: prints -->
```text
{printed}
```
"""


@pytest.mark.parametrize(
    ("status", "printed", "needed", "outcome"),
    [
        (0, "one", "json", None),
        (1, "one", "json", AssertionError),
        (0, "two", "json", AssertionError),
        (0, "one", "no_such_package", pytest.skip.Exception),
    ],
)
def test_an_example_fails_if_it_is_wrong_and_is_skipped_if_something_is_missing(
    status: int, printed: str, needed: str, outcome: type[BaseException] | None, tmp_path: Path
) -> None:
    text = tmp_path / "text.md"
    text.write_text(MADE_UP.format(status=status, printed=printed, needed=needed), encoding="utf-8")
    (example,) = examples(text)
    with nullcontext() if outcome is None else pytest.raises(outcome):
        test_what_is_printed_comes_out(example, tmp_path)
