"""Which device and which arithmetic to compute with."""

from __future__ import annotations

from typing import Literal

import torch

from imgrestore.errors import UsageError

Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

LARGEST_LOSS_DB = 0.02
"""Loss of PSNR up to which ``auto`` takes the faster arithmetic."""


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is the first GPU if there is one, else the CPU.

    Raises:
        UsageError: There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device is called {name!r}", hint="use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {name!r} is not there", hint="this torch sees no such GPU; --device cpu always works")
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"device {name!r} is not supported", hint="use auto, cpu, cuda or cuda:N")
    return device


def choose_precision(wanted: Precision, device: torch.device, bf16_loss_db: float | None) -> Precision:
    """Return the arithmetic to use.

    Args:
        wanted: What the user asked for; ``"auto"`` takes bfloat16 where the device computes with it natively and the
            weights were measured to lose at most :data:`LARGEST_LOSS_DB`, else float32.
        device: Where tiles are computed.
        bf16_loss_db: The measured loss, or None.
    """
    if wanted not in ("auto", *DTYPES):
        raise UsageError(f"no precision is called {wanted!r}", hint="use auto, fp32, bf16 or fp16")
    if wanted != "auto":
        return wanted
    measured = bf16_loss_db is not None and bf16_loss_db <= LARGEST_LOSS_DB
    return "bf16" if measured and native_bfloat16(device) else "fp32"


def forbid_tf32() -> None:
    """Make float32 mean float32 on GPUs that would otherwise convolve with ten bits of mantissa."""
    torch.backends.cudnn.allow_tf32 = False


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch, or cuDNN or cuBLAS below it, raised this because memory ran out, on a GPU or the host."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in said or "ALLOC_FAILED" in said


def describe_device(device: torch.device) -> str:
    """Return the device in words: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def native_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16 itself; elsewhere torch imitates it, which is slow."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not public, so not in every version of torch
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
