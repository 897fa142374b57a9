"""Planning a batch: every input, its output, and every reason why it cannot work, before the first pixel. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgrestore.batch.inputs import STREAM as STREAM
from imgrestore.batch.inputs import Found, find
from imgrestore.batch.manifest import MANIFEST, Manifest
from imgrestore.batch.names import BESIDE, MIRRORED, RESTORED, SIZED, Template
from imgrestore.codecs import ReadOptions, detect, read_header, settled
from imgrestore.codecs.formats import Format, by_extension, by_name
from imgrestore.codecs.limits import asked_format, check_format
from imgrestore.errors import ExistsError, ImgrestoreError, InputError, OutputError, UsageError, unexpected
from imgrestore.files import existing
from imgrestore.image import Header, Metadata, resized
from imgrestore.image.conversion import Conversion
from imgrestore.image.regions import Region
from imgrestore.image.sizes import Target
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.catalogue import Choice, Remedies

_LONGEST_NAME = 255
"""Bytes of a file name, on nearly every file system."""


@dataclass(frozen=True)
class Job:
    """One image to restore.

    Attributes:
        source: The input file, or :data:`STREAM`.
        content: Bytes that were read from standard input or a pipe, or None for a file.
        destination: The output file, or :data:`STREAM`.
        form: Format of the output.
        header: Size and type of the input.
        width: Width of the result in pixels.
        height: Height of the result in pixels.
        crop: The part of the result that is wanted, or None for all of it.
        reading: What is accepted of the input.
        conversion: What the result's samples are, unlike the input's.
        replaces: Whether a file may be replaced that is at the output's place when it is finished.
        stamped: Whether the input says of itself that it is a result.
    """

    source: Path
    content: bytes | None
    destination: Path
    form: Format
    header: Header
    width: int
    height: int
    crop: Region | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    conversion: Conversion = field(default_factory=Conversion)
    replaces: bool = False
    stamped: bool = False

    @property
    def data(self) -> Path | bytes:
        """What holds the image: the bytes that were read, or the file."""
        return self.source if self.content is None else self.content

    @property
    def name(self) -> str:
        """What messages call the input."""
        return "standard input" if self.source == STREAM else str(self.source)

    @property
    def pixels(self) -> int:
        """Pixels of the result: the unit of progress."""
        return self.crop.width * self.crop.height if self.crop else self.width * self.height


@dataclass(frozen=True)
class Plan:
    """What a batch will do.

    Attributes:
        jobs: What is to be done.
        failures: Which inputs cannot be done, and why.
        earlier: How many files of folders are left out as results that stand beside their inputs.
    """

    jobs: Sequence[Job]
    failures: Sequence[tuple[str, ImgrestoreError]]
    earlier: int = 0


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        inputs: Files, folders, or :data:`STREAM`.
        output: A file, a folder, :data:`STREAM`, or None to write beside each input.
        into_folder: Whether ``output`` is a folder even though it looks like a file.
        recursive: Whether sub-folders are searched.
        globs: Which files of folders are taken, see :func:`imgrestore.batch.inputs.wanted`; all if there are none.
        format_name: Format of the results, or None to go by the output's name or the input's format.
        overwrite: Whether existing outputs may be replaced.
        target: How large results are to be, where the scale alone does not say it.
        crop: The part of the results that is wanted, or None for all of it.
        template: How outputs are called, or None for the usual names.
        reading: What is accepted of the inputs.
        conversion: What the results' samples are, unlike the inputs'.
        stdin: Content of standard input, if it is an input.
    """

    inputs: Sequence[Path]
    output: Path | None = None
    into_folder: bool = False
    recursive: bool = False
    globs: Sequence[str] = ()
    format_name: str | None = None
    overwrite: bool = False
    target: Target = field(default_factory=Target)
    crop: Region | None = None
    template: Template | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    conversion: Conversion = field(default_factory=Conversion)
    stdin: bytes | None = None


def plan(request: Request, choice: Choice | Remedies) -> Plan:
    """Settle all inputs and outputs.

    Raises:
        UsageError: The request makes no sense: outputs collide, overwrite inputs, or cannot be named.
        OutputError: An output exists already, or cannot be written to.
    """
    if not request.inputs:
        raise UsageError("no input", hint="give files, folders, or - for standard input")
    if request.globs and not any(os.path.isdir(path) for path in request.inputs):  # noqa: PTH112  never raises
        raise UsageError("--glob chooses among the files of folders, and no input is a folder")
    failures: list[tuple[str, ImgrestoreError]] = []
    leave_out = request.output if request.output != STREAM else None
    found: list[Found] = []

    def unreadable(error: OSError) -> None:
        failures.append((str(error.filename), _as_error(error.filename, error)))

    for path in request.inputs:
        try:
            found += find(
                path,
                recursive=request.recursive,
                globs=request.globs,
                leave_out=leave_out,
                unreadable=unreadable,
            )
        except (ImgrestoreError, OSError) as error:
            failures.append((str(path), _as_error(path, error)))
    found = _without_known_results(_each_once(found, beside=request.output is None), request.output)
    single_file = _is_single_file(request, found)
    streams = request.output == STREAM or (request.output is None and STREAM in request.inputs)
    if request.template is not None and (single_file or streams):
        raise UsageError("--name names results in folders, and here one goes elsewhere", hint="leave --name out")
    forced = asked_format(request.format_name, request.output if single_file else None)
    planned: list[tuple[Found, Job]] = []
    for item in found:
        try:
            planned.append((item, _job(item, request, choice, forced, single_file)))
        except Exception as error:  # whatever is wrong with one image, or with our code for it, ends no batch
            failures.append((str(item.source), _as_error(item.source, error)))
    originals = _without_results_beside(planned) if request.output is None else planned
    _check_collisions(job for _, job in originals)
    jobs = _without_earlier_results(originals)
    _check_inputs_stay(jobs, [*(job.source for job in jobs), *(item.source for item in found if item.named)])
    _check_outputs(jobs, request)
    return Plan(jobs, failures, len(planned) - len(originals))


def _as_error(path: Path | str, error: Exception) -> ImgrestoreError:
    if isinstance(error, OSError):
        return InputError(f"{path}: cannot be read ({error.strerror})")
    return error if isinstance(error, ImgrestoreError) else unexpected(str(path), error)


def _each_once(found: Iterable[Found], *, beside: bool) -> list[Found]:
    """Leave out what was found before, by another path to it or in a folder, and would have the same output."""
    once: dict[tuple[str, str, Path | None], Found] = {}
    for item in found:
        key = _place(item.source.parent), item.source.name, None if beside else item.relative
        before = once.get(key, item)
        once[key] = replace(before, named=before.named or item.named)
    return list(once.values())


def _without_known_results(found: list[Found], output: Path | None) -> list[Found]:
    """Leave out files of a folder that the manifest of the output folder knows as results."""
    if output is None or not os.path.isfile(output / MANIFEST):  # noqa: PTH113  never raises
        return found
    manifest, folder = Manifest(output), _place(output)
    return [item for item in found if item.named or not manifest.made(_below(folder, item.source))]


def _below(folder: str, path: Path) -> str:
    """Return the path of a file below a folder as manifests write it; one that lies elsewhere begins with ``..``."""
    return Path(os.path.relpath(_place(path), folder)).as_posix()


def _without_results_beside(planned: Sequence[tuple[Found, Job]]) -> list[tuple[Found, Job]]:
    """Leave out files of a folder that say they are results, and whose names go on from those of their neighbours."""
    originals = {(item.source.parent, item.source.stem) for item, job in planned if not job.stamped}

    def made_here(path: Path) -> bool:
        words = path.stem.split("_")
        return any((path.parent, "_".join(words[:count])) in originals for count in range(1, len(words)))

    return [(item, job) for item, job in planned if item.named or not (job.stamped and made_here(item.source))]


def _without_earlier_results(planned: Sequence[tuple[Found, Job]]) -> list[Job]:
    """Leave out files of a folder that are results of an earlier run on their neighbours."""
    makers = {_place(job.destination): job.source for _, job in planned if job.destination != STREAM}
    return [job for item, job in planned if item.named or makers.get(_place(job.source), job.source) == job.source]


def _is_single_file(request: Request, found: Sequence[Found]) -> bool:
    """Return whether ``-o`` names one file, rather than a folder."""
    output = request.output
    if output is None or output == STREAM or os.path.isdir(output) or request.into_folder:  # noqa: PTH112  never raises
        return False
    there = os.path.exists(output)  # noqa: PTH110  never raises
    alone = len(request.inputs) == 1 and all(item.named for item in found)
    if not alone and (there or by_extension(output.suffix)):
        raise UsageError(f"{output} names a file, but there are several inputs", hint=f"-o {output}/ is a folder")
    return alone and (output.suffix != "" or there)


def _job(item: Found, request: Request, choice: Choice | Remedies, forced: Format | None, single_file: bool) -> Job:
    name = "standard input" if item.source == STREAM else str(item.source)
    data = (request.stdin or b"") if item.source == STREAM else settled(item.source, name)
    header = read_header(data, name, request.reading)
    own = detect(data, name)
    form = forced or (own if own.writable else by_name("png"))
    assert form is not None
    width, height = request.target.size(header.width, header.height, choice.scale)
    if request.crop is not None and not request.crop.within(width, height):
        raise InputError(f"{name}: the crop does not lie inside its result of {width}x{height} pixels")
    across, down = (request.crop.width, request.crop.height) if request.crop else (width, height)
    result = resized(request.conversion.applied(header), across, down)
    check_format(name, header, result, form, request.conversion)
    destination = _destination(item, request, choice, form, single_file, (width, height))
    content = data if isinstance(data, bytes) else None
    return Job(
        item.source,
        content,
        destination,
        form,
        replace(header, metadata=Metadata()),  # profiles of thousands of files would fill the memory
        width,
        height,
        request.crop,
        request.reading,
        request.conversion,
        request.overwrite,
        Stamp.out_of(header.metadata.xmp) is not None,
    )


def _destination(
    item: Found,
    request: Request,
    choice: Choice | Remedies,
    form: Format,
    single_file: bool,
    size: tuple[int, int],
) -> Path:
    output = request.output
    if output == STREAM or (output is None and item.source == STREAM):
        return STREAM
    if output is not None and single_file:
        return output
    own = item.source.suffix
    extension = own if own.lower() in form.extensions else form.extensions[0]
    own_name = RESTORED if isinstance(choice, Remedies) else SIZED if request.target != Target() else BESIDE
    usual = MIRRORED if output is not None else own_name
    usual = usual.replace("{ext}", "_crop{ext}") if request.crop is not None else usual
    values = {
        "stem": item.relative.stem,
        "name": item.relative.name,
        "ext": extension,
        "model": choice.name,
        "scale": f"{choice.scale:g}",
        "width": str(size[0]),
        "height": str(size[1]),
    }
    name = (request.template or Template(usual)).fill(values)
    path = output / item.relative.with_name(name) if output is not None else item.source.with_name(name)
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise OutputError(f"{item.source}: its result would have too long a name", hint="name it yourself with -o")
    return path


def _place(path: Path) -> str:
    """Return where a path leads; links in a circle lead nowhere, which is no reason to give up here."""
    return os.path.realpath(path)


def _number(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, whatever names it has, or None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_collisions(jobs: Iterable[Job]) -> None:
    """Refuse two results in one place, also where one of them may be an earlier result: it may be an original."""
    taken: dict[Path | str, Job] = {}
    for job in jobs:
        place = STREAM if job.destination == STREAM else _place(job.destination)
        if place in taken and place == STREAM:
            raise UsageError("several results cannot go to standard output", hint="-o takes a folder for several")
        if place in taken:
            raise UsageError(
                f"{job.name} and {taken[place].name} would both be written to {job.destination}",
                hint="restore them into different folders, or with another --format",
            )
        taken[place] = job


def _check_inputs_stay(jobs: Iterable[Job], sources: Sequence[Path]) -> None:
    files = [source for source in sources if source != STREAM]
    places, numbers = set(map(_place, files)), set(map(_number, files)) - {None}
    for job in jobs:
        if job.destination != STREAM and (_place(job.destination) in places or _number(job.destination) in numbers):
            raise UsageError(
                f"{job.destination}: the output would overwrite an input",
                hint="give another -o; inputs stay as they are",
            )


def _check_outputs(jobs: Iterable[Job], request: Request) -> None:
    outputs = [job.destination for job in jobs if job.destination != STREAM]
    there = [path for path in outputs if os.path.exists(path)]  # noqa: PTH110  never raises
    for path in there:
        if not path.is_file():
            raise OutputError(f"{path}: is not an ordinary file", hint="give another -o; -o - is standard output")
    if there and not request.overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        resumable = request.output is not None and (request.output / MANIFEST).exists()
        hint = "--resume goes on where an earlier run stopped; " if resumable else ""
        raise ExistsError(f"{there[0]}: exists already{more}", hint=f"{hint}--overwrite replaces it")
    for folder in {path.parent for path in outputs}:
        above = existing(folder)
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: cannot be written to", hint="give another -o")
