"""Documentation that a reader can rely on: sections, every argument, an example that runs."""

from __future__ import annotations

import doctest
import inspect
import io
import re
import sys
from typing import Any

from .subject import Skip, expect

SECTIONS = ("Args", "Shapes", "Raises", "Example")
LINK = re.compile(r"https?://\S+|arXiv[ :]\d{4}\.\d{4,5}")


def docstring(obj: Any, sections: tuple[str, ...] = SECTIONS) -> None:
    """One line, the paper's link, the sections, and a word on every argument."""
    text = inspect.cleandoc(obj.__doc__ or "")
    expect(text, "has no docstring")
    first, _, rest = text.partition("\n")
    expect(first.strip(), "the docstring does not open with one line that says what it is")
    expect(
        not rest or rest.startswith("\n"), "the docstring's first line runs on; leave a blank line"
    )
    where = text + (sys.modules[obj.__module__].__doc__ or "")
    expect(LINK.search(where), "neither the docstring nor its module links to the paper")
    missing = [name for name in sections if not re.search(rf"^{name}s?:", text, re.M)]
    names = [name for name in arguments(obj) if name not in ("device", "dtype")]
    if not names and "Args" in missing:
        missing.remove("Args")
    expect(not missing, f"the docstring has no section {', '.join(missing)}")
    unexplained = [n for n in names if not re.search(rf"^\s+\*{{0,2}}{n}\b.*:", text, re.M)]
    expect(not unexplained, f"the docstring does not explain {', '.join(unexplained)}")


def example(obj: Any) -> None:
    """The examples of the docstring and of its methods run and print what they say."""
    tests = [t for t in doctest.DocTestFinder().find(obj, obj.__name__) if t.examples]
    expect(tests, "the docstring has no example that can be run (a line that opens with >>>)")
    for test in tests:
        output = io.StringIO()
        result = doctest.DocTestRunner(verbose=False).run(test, out=output.write)
        wrong = " ".join(output.getvalue().split())
        expect(not result.failed, f"the example of {test.name} fails: {wrong[-200:]}")


def arguments(obj: Any) -> list[str]:
    """The names that a call of it may give."""
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError) as error:
        raise Skip("its signature cannot be read") from error
    return [name for name in signature.parameters if name not in ("self", "cls")]
