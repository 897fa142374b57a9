"""Decoding in a process of its own, for formats whose decoders a file may bring to abort or to take gigabytes.

The child gets the file on its standard input and writes, into a temporary file, one line of JSON and then the rows. It
limits its own memory and time by what the header of the file says is needed, so a crash, a bomb and an endless loop all
end as one line about that file.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from imgrestore import errors
from imgrestore.codecs.formats import Format, named
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading.refusals import refused
from imgrestore.errors import DamagedError, InputError
from imgrestore.image import BAND, Header, ImageStream, Metadata

_MEMORY, _MEMORY_PER_PIXEL = 2**30, 40
"""Bytes. JPEG 2000 of 8-bit colour takes 20 a pixel, twice that with alpha."""
_SECONDS, _SECONDS_PER_PIXEL = 20, 2e-6
"""Time of the processor. Slow decoders do some megapixels a second."""
_LONGEST = 3600
"""Seconds of wall-clock time, for a child that waits for something that never comes."""
_PACKAGE = Path(__file__).parents[3]


def open_stream(
    data: Path | bytes, name: str, form: Format, options: ReadOptions, *, pixels: bool = True
) -> ImageStream:
    """Open an image by a child process, which decodes it whole, or, without ``pixels``, as far as its header needs.

    Raises:
        InputError: It is damaged, too large, of a kind that is not supported, or ends its decoder.
    """
    request = json.dumps({"name": name, "form": form.name, "options": asdict(options), "pixels": pixels})
    try:
        with tempfile.TemporaryFile() as output:
            child = _run(request, data, output)
            if child.returncode != 0:
                raise _ended(child.returncode, name, form)
            output.seek(0)
            answer = json.loads(output.readline())
            if "error" in answer:
                raise getattr(errors, answer["kind"])(answer["error"], hint=answer["hint"])
            header = _header(answer)
            if not pixels:
                return ImageStream(header, iter(()), tuple(answer["notices"]))
            shape = (header.height, header.width, header.channels)
            rows = np.memmap(output, header.dtype, "r", output.tell(), shape)
    except subprocess.TimeoutExpired:
        raise _ended(-signal.SIGXCPU, name, form) from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    bands = (np.asarray(rows[top : top + BAND]) for top in range(0, header.height, BAND))
    return ImageStream(header, bands, tuple(answer["notices"]))


def _run(request: str, data: Path | bytes, output: IO[bytes]) -> subprocess.CompletedProcess[bytes]:
    """Let a child decode ``data`` into ``output``."""
    with contextlib.ExitStack() as stack:
        content = data if isinstance(data, bytes) else None
        return subprocess.run(
            [sys.executable, "-P", "-m", __name__, request],
            env={**os.environ, "PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"},
            stdin=stack.enter_context(data.open("rb")) if isinstance(data, Path) else None,
            input=content,
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST,
            check=False,
        )


def _search_path() -> str:
    """Return where the child finds this package; never the current folder, where the user's images are."""
    return os.pathsep.join([str(_PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])


def _ended(code: int, name: str, form: Format) -> InputError:
    if code == -signal.SIGXCPU:
        return DamagedError(f"{name}: takes too long to decode", hint="the file may be damaged")
    if code == errno.ENOSPC:
        folder = tempfile.gettempdir()
        return InputError(f"{name}: {folder} has no room for its pixels", hint="TMPDIR names another folder")
    return refused(name, form, f"its decoder {f'ended by {signal.Signals(-code).name}' if code < 0 else 'gave up'}")


def _header(answer: dict[str, Any]) -> Header:
    blocks: dict[str, Any] = {name: base64.b64decode(text) for name, text in answer["blocks"].items()}
    density = tuple(answer["density"]) if answer["density"] is not None else None
    metadata = Metadata(**blocks, density=density)
    return Header(answer["width"], answer["height"], answer["channels"], np.dtype(answer["dtype"]), metadata)


def _described(stream: ImageStream) -> dict[str, Any]:
    header = stream.header
    blocks = {name: block for name, block in vars(header.metadata).items() if isinstance(block, bytes)}
    return {
        "width": header.width,
        "height": header.height,
        "channels": header.channels,
        "dtype": header.dtype.name,
        "notices": stream.notices,
        "density": header.metadata.density,
        "blocks": {name: base64.b64encode(block).decode() for name, block in blocks.items()},
    }


@dataclass(frozen=True)
class _LimitedOptions(ReadOptions):
    """Options that widen the limits of this process once the size of the image is known and allowed."""

    def check_size(self, name: str, width: int, height: int) -> None:
        super().check_size(name, width, height)
        _limit(width * height)


def _limit(pixels: int) -> None:
    """Limit memory and time to what an image of this size needs; a higher limit set from outside is not exceeded."""
    wanted = {
        resource.RLIMIT_DATA: _MEMORY + _MEMORY_PER_PIXEL * pixels,
        resource.RLIMIT_CPU: _SECONDS + round(_SECONDS_PER_PIXEL * pixels),
        resource.RLIMIT_CORE: 0,
    }
    for which, value in wanted.items():
        hardest = resource.getrlimit(which)[1]
        soft = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(which, (soft, hardest))


def _decode(request: dict[str, Any], output: IO[bytes]) -> None:
    """Decode standard input, in the child."""
    form, name, options = named(request["form"]), request["name"], _LimitedOptions(**request["options"])
    try:
        stream = form.read(sys.stdin.buffer.read(), name, form, options)
        line = json.dumps(_described(stream)).encode()
        output.write(line + b" " * ((-len(line) - 1) % 64) + b"\n")  # rows begin where their samples are aligned
        for band in stream.bands if request["pixels"] else ():
            output.write(band.tobytes())
        output.flush()
    except OSError as error:
        os._exit(errno.ENOSPC if error.errno == errno.ENOSPC else 1)  # without another try to write what is left
    except (InputError, MemoryError) as error:
        known = error if isinstance(error, InputError) else InputError(f"{name}: takes too much memory to decode")
        output.seek(0)
        answer = {"kind": type(known).__name__, "error": str(known), "hint": known.hint}
        output.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    _limit(0)
    with open(1, "wb") as buffered:  # sys.stdout.buffer is not, and cuts what it is given, under PYTHONUNBUFFERED
        _decode(json.loads(sys.argv[1]), buffered)
