"""A device that is not the processor, for machines that have no other: mixing tensors of both is an error.

Tensors on torch's `meta` device have shapes and no numbers; what is fetched from them is zero.
"""

import contextlib

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

CPU, META = torch.device("cpu"), torch.device("meta")
MAY_MIX = {"to", "cpu", "copy_", "__getitem__", "__setitem__", "__set__", "_has_compatible_shallow_copy_type"}


class Moved(torch.autograd.Function):
    """A tensor on another device; its gradient goes back."""

    @staticmethod
    def forward(ctx, tensor, device):
        ctx.home = tensor.device
        return moved(tensor.detach(), device)

    @staticmethod
    def backward(ctx, gradient):
        return moved(gradient, ctx.home), None


def moved(tensor, device):
    """The tensor on that device; zeros in place of one without numbers."""
    return (
        torch.zeros(tensor.shape, dtype=tensor.dtype) if (tensor.device, device) == (META, CPU) else tensor.to(device)
    )


class PretendGpu(TorchFunctionMode):
    """While it is entered, an operation on tensors of both devices raises, as it would on a GPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        tensors = [part for part in tree_leaves((args, kwargs)) if isinstance(part, torch.Tensor)]
        if name not in MAY_MIX and len({part.device.type for part in tensors if part.dim()}) > 1:
            raise RuntimeError(f"{name}: tensors on two devices; a .to(device) is missing")
        if name in ("item", "tolist", "numpy") and tensors[0].device == META:
            return getattr(moved(tensors[0], CPU), name)()
        if name == "cpu":
            return Moved.apply(tensors[0], CPU)
        if name == "to" and (asked := [*filter(None, map(device_of, tree_leaves((args[1:], kwargs))))]):
            return func(Moved.apply(tensors[0], asked[0]), *args[1:], **kwargs)
        return func(*args, **kwargs)


def device_of(word):
    """The device that an argument of `to` asks for, or None."""
    return torch.device(word) if isinstance(word, str | torch.device) else None


def use_pretend_gpu(monkeypatch, *modules):
    """Let `modules` pick the pretended device; what torch cannot do there is done plainly."""
    for module in modules:
        monkeypatch.setattr(module, "pick_device", lambda: META)
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())
    usual = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *args, fused=None, **kwargs: usual(*args, **kwargs))
    return PretendGpu()
