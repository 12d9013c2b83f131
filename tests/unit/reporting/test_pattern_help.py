"""What people are told of a pattern, and where more of it stands."""

import email.message

import pytest

from toctou.analysis.anomalies import ANOMALIES
from toctou.reporting import pattern_help
from toctou.reporting.pattern_help import guide_address, pattern_markdown, pattern_plain


@pytest.mark.parametrize("key", ANOMALIES)
def test_plain_text_has_the_code_and_no_marks(key):
    plain, markdown = pattern_plain(key), pattern_markdown(key)
    code = markdown.partition("```python\n")[2].partition("```")[0]
    assert code in plain
    prose = plain.replace(code, "")
    assert "**Fix" not in prose
    assert "`" not in plain
    assert "Fix: " in plain


def test_a_pattern_that_is_not_known_is_one_without_a_name():
    assert pattern_markdown("of another version") == pattern_markdown("unnamed")


@pytest.mark.parametrize(
    ("urls", "address"),
    [
        ([], ""),
        (["Homepage, https://example.org"], ""),
        (["Repository, https://example.org/x/"], "https://example.org/x/blob/main/checker/guide/patterns.md"),
        (["Changes, https://a", "Source, https://b"], "https://b/blob/main/checker/guide/patterns.md"),
    ],
)
def test_the_guide_is_where_the_package_says_that_its_source_is(urls, address, monkeypatch):
    described = email.message.Message()
    for one in urls:
        described["Project-URL"] = one
    monkeypatch.setattr(pattern_help.metadata, "metadata", lambda _: described)
    guide_address.cache_clear()
    assert guide_address() == address
    guide_address.cache_clear()
