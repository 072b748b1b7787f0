"""A recorded figure made safe to stand inside a page: drawing only, names of its own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from .markup import Html

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
DRAWING = frozenset(
    {"svg", "g", "defs", "clipPath", "path", "rect", "circle", "ellipse", "line", "polyline",
     "polygon", "text", "tspan", "use", "image", "linearGradient", "radialGradient", "stop"}
)  # fmt: skip
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


def figure_svg(source: str, prefix: str, label: str) -> Html:
    """The figure as inline SVG, which takes the page's text colour.

    Scripts, styles, links and event handlers are dropped; ids get a prefix, so that two figures of
    one page do not share them.

    Args:
        source: the SVG file.
        prefix: unique on the page.
        label: what a screen reader says.
    """
    root = ET.fromstring(source)
    _clean(root, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    width = (root.get("viewBox") or "0 0 600 0").split()[2]
    root.set("style", f"width: {width}pt; stroke-linejoin: round")
    root.set("role", "img")
    root.set("aria-label", label)
    return Html(ET.tostring(root, encoding="unicode"))


def _clean(element: ET.Element, prefix: str) -> None:
    for child in list(element):
        space, _, name = str(child.tag).rpartition("}")
        if space != f"{{{SVG}" or name not in DRAWING:
            element.remove(child)
        else:
            _clean(child, prefix)
    for name, value in list(element.attrib.items()):
        short = name.rpartition("}")[2]
        if short.startswith("on") or (short == "href" and not _is_own(value)):
            del element.attrib[name]
        elif short == "id":
            element.set(name, prefix + value)
        elif short == "href" and value.startswith("#"):
            element.set(name, f"#{prefix}{value[1:]}")
        else:
            element.set(name, re.sub(r"url\((?:#([^)]*)|[^)]*)\)", rf"url(#{prefix}\1)", value))


def _is_own(reference: str) -> bool:
    return reference.startswith(("#", "data:image/png;base64,"))
