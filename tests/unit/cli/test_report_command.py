"""``toctou report``: converting stored reports, and serving a run to this machine only."""

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from toctou.cli import browsing, main
from toctou.errors import ReportError

MODEL = "models/counter.py:ReadModifyWriteCounter"
REPORT = "counter.ReadModifyWriteCounter-1"


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("reports")
    assert main(["check", MODEL, "--report", str(directory)]) == 1
    return directory


@pytest.mark.parametrize(
    "name", ["text", "detail", "json", "html", "sarif", "github", "mermaid", "dot", "graphml", "pytest"]
)
def test_a_stored_violation_in_every_format(stored, capsys, name):
    assert main(["report", str(stored / f"{REPORT}.json"), "--format", name]) == 0
    printed = capsys.readouterr().out
    assert "lost update" in printed or "older value" in printed
    same = {"text": ".txt", "json": ".json", "html": ".html"}.get(name)
    if same:
        assert printed == (stored / f"{REPORT}{same}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["text", "json", "html", "sarif", "github"])
def test_a_stored_run_by_its_directory_and_by_its_file(stored, capsys, name):
    assert main(["report", str(stored), "--format", name]) == 0
    of_directory = capsys.readouterr().out
    assert main(["report", str(stored / "run.json"), "--format", name]) == 0
    assert capsys.readouterr().out == of_directory
    assert "ReadModifyWriteCounter" in of_directory


def test_a_format_that_shows_one_violation_names_one(stored, capsys):
    assert main(["report", str(stored), "--format", "mermaid"]) == 2
    told = capsys.readouterr().err
    assert f"{REPORT}.json" in told
    assert "sarif" in told


def test_writing_to_a_file(stored, tmp_path, capsys):
    assert main(["report", str(stored), "--format", "sarif", "--output", str(tmp_path / "run.sarif")]) == 0
    assert json.loads((tmp_path / "run.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert main(["report", str(stored), "--output", str(tmp_path / "missing" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_missing_report(tmp_path, capsys):
    assert main(["report", str(tmp_path / "x.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_check_prints_in_the_same_formats(tmp_path, capsys):
    assert main(["check", MODEL, "--report", str(tmp_path / "r"), "--format", "github"]) == 1
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    assert line.startswith("::warning file=models/counter.py,line=")
    assert main(["check", MODEL, "--report", str(tmp_path / "r"), "--format", "sarif"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/counter.py"


@contextmanager
def serving(directory):
    with browsing.server(directory) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_the_files_of_the_run_are_served_and_no_others(stored):
    (stored / "secret.txt").write_text("secret")
    with serving(stored) as url:
        assert fetch(f"{url}/")[1] == (stored / "index.html").read_text(encoding="utf-8")
        assert fetch(f"{url}/{REPORT}.html?x=1")[0] == 200
        for path in (
            "/secret.txt",
            "/../" + stored.name + "/secret.txt",
            "/%2e%2e/secret.txt",
            "/nothing",
            "//etc/passwd",
        ):
            assert fetch(url + path)[0] == 404, path
    (stored / "secret.txt").unlink()


def test_a_page_that_resolves_its_own_name_to_this_machine_gets_nothing(stored):
    with serving(stored) as url:
        assert fetch(f"{url}/index.html", Host="evil.example")[0] == 403
        assert fetch(f"{url}/index.html", Host=f"localhost:{url.rpartition(':')[2]}")[0] == 200


def test_it_listens_on_loopback_only(stored):
    with browsing.server(stored) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_open_says_where_and_ends_with_ctrl_c(stored, capsys):
    opened = []

    def reads_the_page_and_presses_ctrl_c(url):
        opened.append((url, fetch(url)[0]))
        raise KeyboardInterrupt

    assert browsing.browse(stored, opens=reads_the_page_and_presses_ctrl_c) == 0
    ((url, status),) = opened
    assert status == 200
    assert capsys.readouterr().out.splitlines() == [url, "Ctrl-C ends."]


def test_a_machine_without_a_browser_still_serves(stored, capsys, monkeypatch):
    def ends(self):
        """As if Ctrl-C had been pressed long ago."""

    monkeypatch.setattr(browsing.ThreadingHTTPServer, "serve_forever", ends)
    assert browsing.browse(stored, opens=lambda url: False) == 0
    assert "There is no browser" in capsys.readouterr().err


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(ReportError, match="holds no run"):
        browsing.server(tmp_path)
