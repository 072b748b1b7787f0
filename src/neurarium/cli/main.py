"""From words to a command, from an exception to one sentence and an exit code."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

# what the library raises on purpose, with a sentence for its user
_SAID = (ValueError, TypeError, OSError, RuntimeError)

# word → (module, what it does)
COMMANDS = {
    "list": ("listing", "the 44 systems: slug, paper, family, state, verdict"),
    "show": ("show", "one system: paper, claim, recorded verdict, provenance, citation"),
    "run": ("run", "recompute a system's experiment and compare with its recorded verdict"),
    "report": ("report", "write the gallery of recorded results as static HTML"),
    "data": ("data", "list the datasets, fetch one, say where it lies"),
    "fit": ("fit", "fit an estimator to a CSV file and save it"),
    "predict": ("predict", "predict the rows of a CSV file with a saved estimator"),
    "assess": ("assess", "say whether a KAN pays on the rows of a CSV file, by a fair comparison"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Args:
        argv: the words after ``neurarium``; those of the process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _dispatch(words)
    except SystemExit as stop:  # tyro has printed its help
        return stop.code if isinstance(stop.code, int) else DONE
    except BrokenPipeError:  # `neurarium list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            print(sentence(error), file=sys.stderr)
        return WRONG_USE if isinstance(error, _SAID) else FAILED


def sentence(error: Exception) -> str:
    """The error as one line; an unexpected kind says what it is."""
    text = " ".join(str(error).split())
    if isinstance(error, _SAID) and text:
        return text
    return f"unexpected {type(error).__name__}: {text}; add --debug for the traceback"


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_usage())
        return DONE if words else WRONG_USE
    if words[0] in ("-V", "--version"):
        from neurarium import __version__

        print(__version__)
        return DONE
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(COMMANDS)}"
        raise ValueError(f"command must be known: got {words[0]!r}; {advice}")
    command = importlib.import_module(f"neurarium.cli.{COMMANDS[words[0]][0]}")
    code: int = command.main(words[1:])
    return code


def _usage() -> str:
    lines = [f"  {name:<9}{about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        (
            "usage: neurarium COMMAND [options]",
            "",
            *lines,
            "",
            "`neurarium COMMAND --help` lists the options; --debug shows an error's traceback.",
        )
    )
