"""A recorded table as a semantic HTML table: scrolls on its own, its best cells in bold."""

from __future__ import annotations

from .markup import Html, breakable, h
from .numbers import number, row_of_numbers
from .recorded import Entry, Table
from .standings import best_columns, ours_of


def data_table(table: Table, slug: str, higher_is_better: bool) -> Html:
    """The table; a row's best number is bold, the system's own column is shaded."""
    ours = ours_of(table, slug)

    def cells(row: tuple[Entry, ...], best: frozenset[int] = frozenset()) -> list[Html]:
        kinds = (
            " ".join(name for name, on in (("best", i in best), ("ours", i == ours)) if on) or None
            for i in range(1, len(row))
        )
        texts = row_of_numbers(row[1:])
        values = (h("td", text, class_=kind) for text, kind in zip(texts, kinds, strict=True))
        return [h("th", breakable(number(row[0])), scope="row"), *values]

    heads = (
        h("th", breakable(name), scope="col", class_="ours" if i == ours else None)
        for i, name in enumerate(table.columns)
    )
    compared = ours is not None  # elsewhere the columns are not rivals
    body = (
        h("tr", cells(row, best_columns(row, higher_is_better) if compared else frozenset()))
        for row in table.rows
    )
    foot = (h("tr", cells(row)) for row in table.footer)
    return h(
        "div",
        h(
            "div",
            h(
                "table",
                h("caption", h("span", table.title)),
                h("thead", h("tr", heads)),
                h("tbody", body),
                h("tfoot", foot) if table.footer else None,
                class_="data",
            ),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label=table.title,
        ),
        h("p", table.note, class_="quiet small") if table.note else None,
        class_="table panel",
    )
