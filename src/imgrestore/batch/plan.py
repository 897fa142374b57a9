"""Planning a batch: every input, its output, and every reason why it cannot work, before the first pixel. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgrestore.batch.clashes import check_collisions, check_inputs_stay, check_outputs
from imgrestore.batch.destinations import destination, is_single_file
from imgrestore.batch.earlier import without_earlier_results, without_known_results, without_results_beside
from imgrestore.batch.inputs import STREAM, Input, each_once, find
from imgrestore.batch.job import Job
from imgrestore.batch.request import Request
from imgrestore.codecs import detect, read_header, settled
from imgrestore.codecs.formats import Format, by_name
from imgrestore.codecs.limits import asked_format, check_format
from imgrestore.errors import ImgrestoreError, InputError, UsageError, unexpected
from imgrestore.image import Metadata, resized
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies


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
    inputs = without_known_results(_inputs(request, failures), request.output)
    single_file = is_single_file(request, inputs)
    streams = request.output == STREAM or (request.output is None and STREAM in request.inputs)
    if request.template is not None and (single_file or streams):
        raise UsageError("--name names results in folders, and here one goes elsewhere", hint="leave --name out")
    forced = asked_format(request.settings.format, request.output if single_file else None)
    planned: list[tuple[Input, Job]] = []
    for item in inputs:
        try:
            planned.append((item, _job(item, request, choice, forced, single_file=single_file)))
        except Exception as error:  # whatever is wrong with one image, or with our code for it, ends no batch
            failures.append((str(item.source), _as_problem(item.source, error)))
    originals = without_results_beside(planned) if request.output is None else planned
    check_collisions(job for _, job in originals)
    jobs = without_earlier_results(originals)
    check_inputs_stay(jobs, [*(job.source for job in jobs), *(item.source for item in inputs if item.named)])
    check_outputs(jobs, request)
    return Plan(jobs, failures, len(planned) - len(originals))


def _inputs(request: Request, failures: list[tuple[str, ImgrestoreError]]) -> list[Input]:
    """Return what the request's inputs stand for; those that stand for nothing are added to the failures."""

    def unreadable(error: OSError) -> None:
        failures.append((str(error.filename), _as_problem(error.filename, error)))

    leave_out = request.output if request.output != STREAM else None
    inputs: list[Input] = []
    for path in request.inputs:
        try:
            inputs += find(
                path,
                recursive=request.recursive,
                globs=request.globs,
                leave_out=leave_out,
                unreadable=unreadable,
            )
        except (ImgrestoreError, OSError) as error:
            failures.append((str(path), _as_problem(path, error)))
    return each_once(inputs, beside=request.output is None)


def _as_problem(path: Path | str, error: Exception) -> ImgrestoreError:
    if isinstance(error, OSError):
        return InputError(f"{path}: cannot be read ({error.strerror})")
    return error if isinstance(error, ImgrestoreError) else unexpected(str(path), error)


def _job(item: Input, request: Request, choice: Choice | Remedies, forced: Format | None, *, single_file: bool) -> Job:
    name = "standard input" if item.source == STREAM else str(item.source)
    data = (request.stdin or b"") if item.source == STREAM else settled(item.source, name)
    asked = request.settings
    header = read_header(data, name, asked.reading)
    own = detect(data, name)
    form = forced or (own if own.writable else by_name("png"))
    assert form is not None
    size = asked.target.size(header.width, header.height, choice.scale)
    if asked.crop is not None and not asked.crop.within(*size):
        raise InputError(f"{name}: the crop does not lie inside its result of {size[0]}x{size[1]} pixels")
    settings = asked.settled(scale=choice.scale, size=size, format=form.name)
    job = Job(
        item.source,
        data if isinstance(data, bytes) else None,
        destination(item, request, choice, settings, single_file=single_file),
        replace(header, metadata=Metadata()),  # profiles of thousands of files would fill the memory
        settings,
        request.overwrite,
        Stamp.out_of(header.metadata.xmp) is not None,
    )
    check_format(name, header, resized(settings.conversion.applied(header), *job.result_size), form, asked.conversion)
    return job
