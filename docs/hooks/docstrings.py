"""Docstrings are written for ``help()``: links, mathematics and examples become Markdown here."""

import re
import textwrap

import griffe

LINK = re.compile(r"`([^`<]+?)\s*<([^>]+)>`_+")
ROLE = re.compile(r":(?:class|func|mod|meth|data):`~?([^`]+)`")
INLINE_MATH = re.compile(r":math:`([^`]+)`")
BLOCK_MATH = re.compile(r"^\.\. math::[ ]?(.*(?:\n(?:[ ]+.*|[ ]*$))*)", re.MULTILINE)


class Markdown(griffe.Extension):
    """Rewrites every docstring that is collected."""

    def on_object(self, *, obj, **_):
        """Called for each module, class and function."""
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text):
    """The same text with Markdown's links and mathematics, and examples as code."""
    text = BLOCK_MATH.sub(lambda m: f"$$\n{textwrap.dedent(m[1]).strip()}\n$$\n\n", text)
    text = INLINE_MATH.sub(r"$\1$", text)
    text = LINK.sub(r"[\1](\2)", text)
    text = ROLE.sub(r"`\1`", text)
    text = text.replace("``", "`")
    return re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
