"""The battery over every export of every system: a new row is tested by being there."""

import pytest

from neurarium.catalog import Case
from neurarium.testing import exports
from neurarium.testing.exports import Export, built_exports, check_export, check_reloads

EXPORTS = list(built_exports())
names = {f"{export.module}.{export.name}": export for export in EXPORTS}


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: f"{export.slug}-{export.name}")
def test_export(export: Export):
    check_export(export.load(), export.case)


def test_models_reload_in_a_new_process():
    """One process for all: starting Python and torch is what costs."""
    outcomes = check_reloads(names)
    failures = [f"{k}: {v.note}" for k, v in outcomes.items() if v.status == "failed"]
    assert not failures, "\n".join(failures)
    assert outcomes


def test_a_module_without_a_case_says_what_to_add():
    export = next(export for export in EXPORTS if export.name == "Hopfield")
    with pytest.raises(LookupError, match=r"add `battery=\{'Hopfield': Case\(kwargs=…"):
        check_export(export.load(), None)


def test_a_model_must_be_reloaded_without_defaults():
    export = names["neurarium.memory.hopular.Hopular"]
    case = export.case
    lazy = Case(kwargs=case.kwargs, calls=case.calls, inputs=case.inputs)
    outcome = check_reloads({"x": Export("hopular", export.module, export.name, lazy)})["x"]
    assert outcome.status == "failed"
    assert "must set every argument: discrete, scaling_factor" in outcome.note


def test_cases_are_of_exports():
    """A case under a name that is not exported would test nothing."""
    for system in exports.catalog.SYSTEMS:
        exported = {name for group in system.exports.values() for name in group}
        assert set(system.battery) <= exported, system.slug
