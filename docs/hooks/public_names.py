"""Reference pages: one entry for every public name of a room, read from the room's stub."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "neurarium"


def on_page_markdown(markdown, page, **_):
    """Replace ``::: neurarium.<room>`` by the room's docstring and its public names."""
    room = Path(page.file.src_uri).stem
    if Path(page.file.src_uri).parent.name != "reference":
        return markdown
    summary = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text()))
    entries = "\n\n".join(f"::: {path}" for path in public_names(room))
    return f"# neurarium.{room}\n\n{summary}\n\n{entries}\n"


def public_names(room):
    """Dotted paths, in the order of the stub; a second-level room stands before its own names."""
    for node in ast.parse((SOURCE / room / "__init__.pyi").read_text()).body:
        if isinstance(node, ast.ImportFrom):
            module = f"/{node.module}" if node.module else ""
            for alias in node.names:
                path = f"{room}{module}/{alias.name}"
                yield f"neurarium/{path}".replace("/", ".")
                if (SOURCE / path / "__init__.pyi").is_file():
                    yield from public_names(path)
