"""A device that is not the processor, on machines without one: finds tensors left behind.

Inside `elsewhere()`, tensors made with ``device=ELSEWHERE`` hold real numbers but report another device.
An operation that mixes them with a tensor of the processor (other than a number) raises, as it would on a
GPU. What this cannot find are operations a GPU has no kernel for.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("meta")
"""The name under which it goes: the one device besides the processor that every build of torch knows."""

_INDEXING = ("index.", "index_put", "_index_put_impl", "index_put_.")


class LeftBehind(AssertionError):
    """An operation mixed tensors of two devices."""


class There(torch.Tensor):
    """A tensor elsewhere: a real one inside, another device outside."""

    elem: torch.Tensor

    @staticmethod
    def __new__(cls, elem: torch.Tensor) -> There:
        """Wrap a tensor of the processor."""
        made = torch.Tensor._make_wrapper_subclass(  # pyright: ignore[reportAttributeAccessIssue]
            cls,
            elem.size(),
            strides=elem.stride(),
            storage_offset=elem.storage_offset(),
            dtype=elem.dtype,
            device=ELSEWHERE,
        )
        made.elem = elem
        return made

    def __repr__(self, *, tensor_contents=None) -> str:
        """For failure messages."""
        return f"There({self.elem!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """Run on what is inside."""
        return _run(func, args, kwargs or {})


class _Watch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Numbers(TorchFunctionMode):
    """Numbers from Python are made here and sent there: torch.tensor itself would lose them."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if (
            func in (torch.tensor, torch.as_tensor)
            and torch.device(kwargs.get("device") or "cpu") == ELSEWHERE
        ):
            del kwargs["device"]
            return func(*args, **kwargs).to(ELSEWHERE)
        if func is torch.Tensor.new_tensor and isinstance(args[0], There):
            return There(args[0].elem.new_tensor(*args[1:], **kwargs))
        if func is torch.Tensor.tolist and isinstance(args[0], There):
            return args[0].elem.tolist()
        if func in (torch.where, torch.Tensor.where):
            kinds = [a.dtype for a in args[1:] if isinstance(a, torch.Tensor)]
            args = tuple(
                torch.tensor(a, dtype=kinds[0] if kinds else None) if isinstance(a, (int, float)) else a
                for a in args
            )
        return func(*args, **kwargs)


@contextmanager
def elsewhere():
    """Within, ``device=ELSEWHERE`` makes tensors that hold numbers.

    Inference mode, which wrapped tensors do not know, becomes the absence of gradients.
    """
    kept = torch.inference_mode
    torch.inference_mode = lambda mode=True: torch.no_grad() if mode else nullcontext()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with _Watch(), _Numbers():
            yield ELSEWHERE
    finally:
        torch.inference_mode = kept


def here(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers inside."""
    return tensor.elem if isinstance(tensor, There) else tensor


def _run(func, args, kwargs):
    leaves = tree_leaves((args, kwargs))
    there = any(isinstance(leaf, There) for leaf in leaves)
    # In inference mode conversions arrive undecomposed, with the device among the positional arguments.
    wanted = kwargs.get("device") or next((a for a in args if isinstance(a, torch.device)), None)
    name = str(func)
    if there:
        _check(name, args, kwargs)
    outside = (wanted is not None and torch.device(wanted) == ELSEWHERE) or (there and wanted is None)
    found = func(*tree_map(_plain, args), **tree_map(_plain, kwargs))
    if "local_scalar_dense" in name or not outside:
        return found
    return _wrapped(found, leaves)


def _plain(value):
    """What the processor is given in place of an argument."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return here(value) if isinstance(value, torch.Tensor) else value


def _wrapped(found, leaves):
    """Outputs elsewhere; what was changed in place stays the very tensor it was."""
    known = {id(leaf.elem): leaf for leaf in leaves if isinstance(leaf, There)}

    def wrap(value):
        if not isinstance(value, torch.Tensor):
            return value
        return known[id(value)] if id(value) in known else There(value)

    return tree_map(wrap, found)


def _check(name: str, args, kwargs) -> None:
    """Only numbers (tensors without axes) and indices may come from the processor."""
    copying = "_to_copy" in name or "copy_" in name
    for leaf in tree_leaves((args, kwargs)):
        if not isinstance(leaf, torch.Tensor) or isinstance(leaf, There) or leaf.dim() == 0 or copying:
            continue
        indexing = any(part in name for part in _INDEXING) and leaf.dtype in (torch.long, torch.bool)
        if not indexing:
            raise LeftBehind(
                f"{name} mixes a tensor elsewhere with one of shape {tuple(leaf.shape)} on {leaf.device}"
            )
