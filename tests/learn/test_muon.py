"""Muon in 32 bits does what torch's does in 16."""

import pytest
import torch

from clockodile.learn.muon import Muon32, orthogonal


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6)])
def test_an_orthogonal_matrix_comes_out(shape):
    update = orthogonal(torch.randn(shape), (3.4445, -4.775, 2.0315), 5)
    lengths = torch.linalg.svdvals(update)
    assert update.shape == shape and lengths.min() > 0.4 and lengths.max() < 1.4


def test_three_steps_are_those_of_torch():
    torch.manual_seed(0)
    start, gradients = torch.randn(8, 20), torch.randn(3, 8, 20)
    ends = []
    for kind in (torch.optim.Muon, Muon32):
        weight = torch.nn.Parameter(start.clone())
        optimiser = kind([weight], lr=0.1, weight_decay=0.2, adjust_lr_fn="match_rms_adamw")
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimiser.step()
        ends.append(weight.detach())
        kept = optimiser.state_dict()["state"][0]["momentum_buffer"]
    theirs, ours = ends
    assert (ours - theirs).norm() < 0.03 * (theirs - start).norm()
    assert kept.shape == start.shape, "the two can take over each other's checkpoints"
