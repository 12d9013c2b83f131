"""How option values become numbers, verdicts and an exit status."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import cast

import pytest

from toctou.cli import main
from toctou.cli.check import read_expected
from toctou.cli.options import at_least_one, positive
from toctou.cli.scan_run import exit_status as status_of_scan
from toctou.errors import BadInput
from toctou.scan.scanning import ScanResult
from toctou.verdict import Verdict


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("250", 250)])
def test_at_least_one(text, number):
    assert at_least_one(text) == number


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "two", ""])
def test_less_than_one(text):
    with pytest.raises((ArgumentTypeError, ValueError)):
        at_least_one(text)


@pytest.mark.parametrize(("text", "number"), [("0.5", 0.5), ("60", 60.0), ("1e3", 1000.0)])
def test_positive(text, number):
    assert positive(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon"])
def test_not_positive(text):
    with pytest.raises((ArgumentTypeError, ValueError)):
        positive(text)


@dataclass
class Checked:
    verdict: Verdict


@dataclass
class Run:
    models: tuple[object, ...]


V, X = Verdict.VERIFIED, Verdict.VIOLATED


@dataclass
class Explored:
    refused: bool


@dataclass
class Scanned:
    operations: tuple[Checked, ...]
    run: Run
    unusable: tuple[str, ...] = ()


@pytest.mark.parametrize(("refused", "status"), [((False, True), 2), ((False, False), 1)])
def test_a_scan_of_a_model_that_turned_out_to_be_wrong_is_no_answer(refused, status):
    result = Scanned((Checked(V), Checked(X)), Run(tuple(map(Explored, refused))))
    assert status_of_scan(cast("ScanResult", result), {"failing": 1}) == status


def test_expected_verdicts(tmp_path):
    file = tmp_path / "expected.json"
    file.write_text('{"a.py:A": "VIOLATED", "a.py:B": "VERIFIED"}')
    assert read_expected(file) == {"a.py:A": X, "a.py:B": V}
    file.write_text('{"a.py:A": "violated"}')
    with pytest.raises(BadInput, match="'violated'"):
        read_expected(file)


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["replay", "--help"]], ids=" ".join)
def test_help_names_the_exit_status(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "Exit status" in " ".join(capsys.readouterr().out.split())


def test_the_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("toctou 0.")
