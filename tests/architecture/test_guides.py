"""README.md and the guides: every block is run or says why not, every link leads somewhere, and the README stays short."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from printed_examples import ROOT, TEXTS, blocks, examples, files, is_file

LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)")
NAMED = {"sh", "python", "yaml", "json", "ini", "toml", "javascript", "rust"}
"""Languages of blocks that a reader may paste."""

OTHERS = [
    "CHANGELOG.md",
    "checker/DESIGN.md",
    ".github/CONTRIBUTING.md",
    "reports/README.md",
    "tests/examples/README.md",
]
"""Further texts with links."""


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_whatever_can_be_pasted_is_run_or_says_why_not(text: Path) -> None:
    every = list(blocks(text))
    assert [one["text"] for one in every if one["kind"] is None and one["language"] in NAMED] == []
    # No block, and no comment above one, has gone unnoticed.
    whole = text.read_text(encoding="utf-8")
    assert len(re.findall("^```", whole, re.MULTILINE)) == 2 * sum(1 for one in every if not one["other"])
    assert len(re.findall("<!-- (?:example|not run)", whole)) == sum(1 for one in every if one["kind"] or one["other"])


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_every_file_that_is_printed_is_there_when_a_command_is_run(text: Path) -> None:
    printed = {block["what"] for block in blocks(text) if block["kind"] == "example" and is_file(block["what"])}
    used = {name for source in TEXTS for example in examples(source) for step in example.steps for name in step.files}
    assert printed - used == set()


def test_a_test_that_is_said_to_run_a_block_instead_exists() -> None:
    reasons = [block["what"] for text in TEXTS for block in blocks(text) if block["kind"] == "not run"]
    named = [name for reason in reasons for name in re.findall(r"\btests/\S+\.py", reason)]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("text", [*TEXTS, *(ROOT / name for name in OTHERS)], ids=lambda text: text.name)
def test_links_lead_to_something(text: Path) -> None:
    broken = []
    for found in LINK.finditer(without_code(text)):
        address, _, anchor = found["target"].partition("#")
        if address.startswith(("http://", "https://")):
            continue
        target = (text.parent / address).resolve() if address else text
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(found["target"])
        assert target.is_relative_to(ROOT)
    assert broken == []


def test_the_index_of_the_guides_names_each_of_them_and_so_does_the_readme() -> None:
    guides = {text.name for text in TEXTS if text.parent.name == "guide"} - {"README.md"}
    assert len(guides) > 5
    index = without_code(ROOT / "checker" / "guide" / "README.md")
    assert [name for name in sorted(guides) if f"]({name})" not in index] == []
    readme = without_code(ROOT / "README.md")
    assert [name for name in sorted(guides) if f"](checker/guide/{name}" not in readme] == []


def test_a_model_of_an_existing_handler_has_under_thirty_lines() -> None:
    assert len(files(ROOT / "README.md")["orders_model.py"].splitlines()) < 30


def test_the_readme_is_about_two_screens() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line and not line.startswith("<!--")]) < 130


def test_the_workflow_runs_what_the_guide_runs() -> None:
    guide = ROOT / "checker" / "guide" / "ci.md"
    (workflow,) = [text for name, text in files(guide).items() if name.endswith("races.yml")]
    steps = [step["run"] for step in yaml.safe_load(workflow)["jobs"]["races"]["steps"] if "run" in step]
    run_here = {step.command for example in examples(guide) for step in example.steps}
    assert [step for step in steps if step.startswith("toctou")] == [step for step in steps if step in run_here]
    assert len(steps) == 3


def test_the_check_in_ci_finds_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (asked,) = re.findall(r"\$\(sed -n \"(.*?)\" README.md\)", script)
    found = subprocess.run(
        ["sh", "-c", f'sed -n "{asked}" README.md'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "pytest\n"


def without_code(text: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(text: Path) -> set[str]:
    """The anchors of a text's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text("# `toctou check`, options\n```sh\n# a comment\n```\n## What it *is*\n", encoding="utf-8")
    assert anchors(text) == {"toctou-check-options", "what-it-is"}
