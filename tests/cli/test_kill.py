"""kill -9 at ten random moments of a real run, restarted each time: same table, nothing twice."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurarium import catalog

WORDS = [sys.executable, "-m", "neurarium", "run", "hopular", "--preset", "smoke", "--json"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        catalog.state(catalog.find("hopular")) == "planned", reason="hopular has no experiment"
    ),
]


def start(out):
    command = [*WORDS, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def whole_lines(out):
    """Part → the finished lines of its records."""
    contents = {path.parent.name: path.read_bytes() for path in Path(out).rglob("records.jsonl")}
    return {part: text[: text.rfind(b"\n") + 1] for part, text in contents.items()}


def keeps(now, before):
    """Every line that was finished is still there, unchanged and in its place."""
    return all(now[part].startswith(text) for part, text in before.items())


def uninterrupted(out):
    """The run's document, the seconds before its first record, and the seconds after that."""
    begun = time.monotonic()
    process = start(out)
    while process.poll() is None and not any(t.count(b"\n") > 1 for t in whole_lines(out).values()):
        time.sleep(0.02)
    first = time.monotonic()
    document = json.loads(process.communicate()[0])
    assert process.returncode == 0
    return document, first - begun, time.monotonic() - first


def same_but_for_the_machine(entries):
    """A table or record without what depends on the machine and the moment."""
    return [entry for entry in entries if not ("seconds" in entry[0] or "memory" in entry[0])]


def comparable(document):
    tables = [table for part in document["parts"] for table in part["tables"]]
    shown = []
    for table in tables:
        kept = [
            i
            for i, c in enumerate(table["columns"])
            if not ({"seconds", "memory"} & set(c.split()))
        ]
        rows = [[row[i] for i in kept] for row in (*table["rows"], *table["footer"])]
        shown.append(
            (table["title"], same_but_for_the_machine([[str(r[0]), *r[1:]] for r in rows]))
        )
    return shown


def metrics_of(out):
    records = [
        {"part": part, **json.loads(line)}
        for part, text in whole_lines(out).items()
        for line in text.splitlines()[1:]
    ]
    found = {
        (record["part"], json.dumps(record["cell"], sort_keys=True)): (
            dict(same_but_for_the_machine(list(record["metrics"].items()))),
            record["curves"],
        )
        for record in records
    }
    assert len(found) == len(records)  # no cell has two records
    return found


def test_ten_kills(tmp_path):
    document, startup, seconds = uninterrupted(tmp_path / "whole")
    rng = random.Random(0)
    killed = 0
    for _ in range(10):
        kept = whole_lines(tmp_path / "killed")
        process = start(tmp_path / "killed")
        time.sleep(startup * rng.uniform(0.6, 1.1) + 0.1 * seconds * rng.random())
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert keeps(whole_lines(tmp_path / "killed"), kept)
    kept = whole_lines(tmp_path / "killed")
    final = start(tmp_path / "killed")
    result = json.loads(final.communicate()[0])
    assert final.returncode == 0
    assert killed >= 5
    assert keeps(whole_lines(tmp_path / "killed"), kept)
    assert [part["key"] for part in result["parts"]] == [part["key"] for part in document["parts"]]
    assert comparable(result) == comparable(document)
    assert metrics_of(tmp_path / "killed") == metrics_of(tmp_path / "whole")
    assert [c["mean"] for p in result["parts"] for c in p["claims"]] == [
        c["mean"] for p in document["parts"] for c in p["claims"]
    ]
