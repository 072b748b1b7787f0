"""Values that forwards take for granted are found on demand, with their place."""

import math

import pytest
import torch
from torch import nn

from neurarium.testing import check_inputs


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x, edge_index, ids=None, *, mask=None):
        return x


EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
X = torch.ones(3, 2)


def test_good_values_pass():
    check_inputs(Graph(), X, EDGES, torch.arange(3), mask=torch.tensor([True, False, False]))
    check_inputs(nn.ReLU(), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"x": torch.tensor([[1.0, 2.0], [math.inf, 0.0]])},
            r"x must be finite: got inf at",
        ),
        ({"ids": torch.tensor([0, -1])}, r"ids must be indices from 0 on: got -1 at \(1,\)"),
        ({"edge_index": torch.tensor([[0, 3], [3, 0]])}, r"nodes below 3: got edge \(0, 3\)"),
        ({"edge_index": EDGES[:, [0, 1, 0]]}, r"every edge once: got \(0, 1\) twice"),
        ({"edge_index": EDGES[:, :3]}, r"both directions: got \(1, 2\) without reverse"),
    ],
)
def test_bad_values_are_named_with_their_place(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_inputs(Graph(), **{"x": X, "edge_index": EDGES, **arguments})


def test_dtypes_must_go_with_the_parameters():
    with pytest.raises(TypeError, match=r"x must be torch.float32, as the parameters: got"):
        check_inputs(Graph(), X.double(), EDGES)


def test_devices_must_agree():
    with pytest.raises(ValueError, match="x must be on cpu: got meta"):
        check_inputs(Graph().to("cpu"), edge_index=EDGES, x=X.to("meta"))


def test_arguments_must_fit():
    with pytest.raises(TypeError, match="inputs must fit Graph\\.forward: missing a required"):
        check_inputs(Graph(), X)
