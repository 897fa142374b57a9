from contextlib import nullcontext

import pytest
import torch

from imgrestore.engine import devices
from imgrestore.errors import UsageError
from imgrestore.training.distributed import joined


def test_unknown_devices_and_precisions() -> None:
    with pytest.raises(UsageError, match="no device is called 'gpu'"):
        devices.choose_device("gpu")
    with pytest.raises(UsageError, match="is not there"):
        devices.choose_device("cuda:99")
    with pytest.raises(UsageError, match="not supported"):
        devices.choose_device("meta")
    with pytest.raises(UsageError, match="no precision"):
        devices.choose_precision("int8", torch.device("cpu"), None)
    assert devices.choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("loss", "native", "expected"),
    [(None, True, "fp32"), (0.0, True, "bf16"), (0.02, True, "bf16"), (0.03, True, "fp32"), (0.0, False, "fp32")],
)
def test_auto_takes_bf16_only_where_it_is_native_and_measured(
    monkeypatch: pytest.MonkeyPatch, loss: float | None, native: bool, expected: str
) -> None:
    monkeypatch.setattr(devices, "native_bfloat16", lambda device: native)
    assert devices.choose_precision("auto", torch.device("cpu"), loss) == expected
    assert devices.choose_precision("fp16", torch.device("cpu"), loss) == "fp16"


@pytest.mark.parametrize("said", ["CUDA out of memory. Tried", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "nothing"])
def test_memory_that_ran_out_in_a_library_is_known(said: str) -> None:
    error = torch.OutOfMemoryError(said) if "CUDA out" in said else RuntimeError(said)
    assert devices.is_out_of_memory(error) == (said != "nothing")


def test_the_gpu_of_a_run_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext(current.append(device)))
    with joined(torch.device("cuda:1")) as processes:
        assert current == [processes.device] == [torch.device("cuda:1")]
    with joined(torch.device("cpu")):
        assert len(current) == 1
