"""What a stage built, as one file: arrays, JSON values and the seconds that it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .store import write_arrays

_JSON = "json"
_ARRAY = "array "


@dataclass(frozen=True)
class StageFile:
    """A built stage.

    Args:
        values: what ``build`` returned: name → array or JSON value.
        charged: seconds by stage: its own and those of the stages that it used.
    """

    values: Mapping[str, Any]
    charged: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> StageFile:
        """The stage as it was written."""
        with np.load(path, allow_pickle=False) as stored:
            content = json.loads(stored[_JSON].tobytes())
            arrays = {n.removeprefix(_ARRAY): stored[n] for n in stored if n != _JSON}
        values = {name: arrays.get(name, content["values"].get(name)) for name in content["names"]}
        return cls(values, content["charged"])

    def write(self, path: Path) -> None:
        """Store as one file, so that it is either there or not."""
        arrays = {n: v for n, v in self.values.items() if isinstance(v, np.ndarray)}
        content = {
            "names": list(self.values),
            "values": {n: v for n, v in self.values.items() if n not in arrays},
            "charged": dict(self.charged),
        }
        text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
        write_arrays(path, {_JSON: text, **{_ARRAY + n: v for n, v in arrays.items()}})
