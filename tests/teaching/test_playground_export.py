"""What the playground loads: the slope that is written out by hand, and weights in 16 bits."""

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from clockodile.learn.models import CompactResNet
from clockodile.learn.training import seeded

PATH = Path(__file__).parents[2] / "teaching" / "site" / "playground" / "export.py"
SPEC = importlib.util.spec_from_file_location("playground_export", PATH)
export = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(export)


@pytest.fixture
def net() -> CompactResNet:
    """Untrained, with norms that are not what they begin as."""
    with seeded(0):
        net = CompactResNet(widths=(8, 8, 8))
        net.whiten(torch.rand(4, 3, 32, 32))
        net(torch.rand(64, 3, 32, 32))  # running means and variances
        return net.eval()


@pytest.mark.parametrize("size", [8, 17, 32])
def test_the_slope_is_the_derivative_of_the_log_odds(net, size):
    at = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(size)).requires_grad_()
    logits = net(at)
    (logits[0, 0] - logits[0, 1]).backward()
    with torch.no_grad():
        same, slope = export.WithSlope(net)(at, at)
    assert torch.equal(same, logits) and at.grad.abs().max() > 0
    assert torch.allclose(slope, at.grad, atol=1e-5 * float(at.grad.abs().max()))


def test_equal_pixels_share_the_slope_as_in_torch(net):
    at = torch.full((1, 3, 32, 32), 0.5).requires_grad_()
    logits = net(at)
    (logits[0, 0] - logits[0, 1]).backward()
    with torch.no_grad():
        slope = export.WithSlope(net).slope(at)
    assert torch.allclose(slope.sum(), at.grad.sum(), rtol=1e-3)


@pytest.mark.parametrize("halves", [True, False])
def test_packed_weights_are_half_as_large_and_nearly_the_same(halves):
    values = np.random.default_rng(0).normal(size=(32, 16, 5, 5)).astype(np.float32)
    if halves:
        values = values.astype(np.float16).astype(np.float32)
    weight = onnx.numpy_helper.from_array(values, "weight")
    result = onnx.helper.make_tensor_value_info("result", onnx.TensorProto.FLOAT, values.shape)
    node = onnx.helper.make_node("Identity", ["weight"], ["result"])
    graph = onnx.helper.make_graph([node], "one weight", [], [result], [weight])
    export.pack(graph)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", export.OPSET)])
    onnx.checker.check_model(model)
    assert model.ByteSize() < 0.55 * values.nbytes
    (found,) = ReferenceEvaluator(model).run(None, {})
    largest = np.abs(values).max((1, 2, 3), keepdims=True)
    assert np.array_equal(found, values) if halves else (np.abs(found - values) <= largest / 60_000).all()


def test_viewers_answers_of_each_source_are_shares_of_all():
    shares = export.viewers()
    assert shares.keys() == export.VIEWERS.keys()
    assert all(len(row) == 4 and min(row) >= 0 and abs(sum(row) - 1) < 1e-3 for row in shares.values())
