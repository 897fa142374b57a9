"""How the help of each command is laid out: examples first, then its options in groups, within 80 columns."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

EXAMPLES = {
    "": {
        "imgrestore restore photo.jpg": "look, restore what is needed",
        "imgrestore restore -s 4 photo.jpg": "enlarge it 4 times",
        "imgrestore restore -r photos/ -o out/": "a folder with its sub-folders",
        "imgrestore help restore": "the options of a command",
    },
    "restore": {
        "imgrestore restore photo.jpg": "restore what is needed",
        "imgrestore restore -t denoise photo.jpg": "remove noise and JPEG blocks",
        "imgrestore restore -s 4 photo.jpg -o large.png": "enlarge 4 times",
        "imgrestore restore -t denoise -s 4 old.jpg": "denoise, then enlarge",
        "imgrestore restore -r photos/ -o out/ --resume": "a folder; go on if stopped",
        "imgrestore restore -n -r photos/ -o out/": "what would be done, how long",
    },
    "train": {
        "imgrestore train --recipe resnet-sr-x4 -d photos/ --check": "read it all first",
        "imgrestore train --recipe resnet-sr-x4 -d photos/": "train into runs/",
        "imgrestore train -o runs/resnet-sr-x4 -d photos/ --resume": "go on",
    },
    "evaluate": {
        "imgrestore evaluate -m resnet-denoise -d CBSD68/": "beside the input",
        "imgrestore evaluate -m resnet-sr -m lanczos -d Set5/": "beside bicubic",
        "imgrestore evaluate --paper 002 -d MNIST/": "beside a paper's table",
    },
    "compare": {
        "imgrestore compare photo.jpg -m resnet-sr -m lanczos": "into compare.png",
        "imgrestore compare photo.jpg -m resnet-sr --degrade": "with PSNR and SSIM",
    },
    "info": {
        "imgrestore info photo.jpg": "what it holds, how it was made",
        "imgrestore info --diagnose photo.jpg": "what is wrong with it",
    },
    "models": {
        "imgrestore models list": "what restores photos first",
        "imgrestore models info resnet-sr": "its training and scores",
    },
    "recipes": {
        "imgrestore recipes list": "what can be trained",
        "imgrestore recipes show resnet-sr-x4 > my.toml": "a recipe to edit",
    },
}
"""Command lines by the words that name a command, each with what it does."""

GROUPS = {
    "restore": {
        "Photos": "inputs recursive glob files_from zero",
        "What is done": "task model strength only wrap no_guard",
        "Size": "scale width height max_side min_side crop",
        "Results": "output name format depth background quality subsampling lossless",
        "Metadata": "strip_metadata preserve_times no_stamp",
        "Running": "dry overwrite resume retry_failed json",
        "What is accepted": "max_pixels allow_damaged first_frame",
        "How it is computed": "device precision tile memory",
    },
    "train": {
        "The run": "recipe data run changes start check",
        "Stopping and going on": "resume max_minutes",
        "How it is computed": "device workers cache",
        "What is said": "tensorboard json",
    },
    "evaluate": {
        "What is measured": "data model scale",
        "Low-quality images": "lq degrade sigma",
        "How it is measured": "classical protocol require",
        "A paper's table": "paper weights sheets",
        "Results": "csv markdown json record",
        "How it is computed": "device precision tile memory",
    },
    "compare": {
        "What is compared": "photos model scale truth degrade",
        "The picture": "output crops crop_size overwrite",
        "How it is computed": "device precision",
    },
}
"""Names of the parameters in each group of a command; what no group names stands last."""

OTHERS = "Others"

_VALUES = {
    "background": "COLOUR",
    "cache": "SIZE",
    "changes": "KEY=VALUE",
    "crop": "X,Y,W,H",
    "crop_size": "N",
    "crops": "N",
    "data": "FOLDER",
    "degrade": "KIND:...",
    "depth": "N",
    "device": "NAME",
    "file": "FILE",
    "files_from": "LIST",
    "format": "NAME",
    "glob": "PATTERN",
    "height": "N",
    "inputs": "PHOTO",
    "lq": "FOLDER",
    "max_minutes": "N",
    "max_pixels": "N",
    "max_side": "N",
    "memory": "SIZE",
    "min_side": "N",
    "model": "NAME",
    "name": "NAME",
    "original": "FILE",
    "output": "PATH",
    "paper": "NUMBER",
    "photos": "PHOTO",
    "precision": "NAME",
    "protocol": "NAME",
    "quality": "N",
    "only": "WHAT",
    "recipe": "NAME",
    "require": "CONDITION",
    "run": "FOLDER",
    "scale": "N",
    "sheets": "FOLDER",
    "sigma": "N",
    "start": "FILE",
    "strength": "N",
    "task": "NAME",
    "tile": "N",
    "truth": "FILE",
    "weights": "FOLDER",
    "width": "N",
    "workers": "N",
    "wrap": "AXES",
}
"""What stands for the value of a parameter."""

_LONGEST_TERM = 25


class Explained(TyperCommand):
    """A command whose help begins with examples and has its options in groups."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Say what kind of value each parameter takes."""
        super().__init__(*arguments, **settings)
        for param in self.params:
            if not getattr(param, "is_flag", False):
                param.metavar = param.metavar or _VALUES.get(param.name or "")

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what the command does, and examples."""
        super().format_help_text(ctx, formatter)
        write_examples(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the parameters, group by group."""
        groups = GROUPS.get(words_of(ctx), {})
        left = {param.name: param for param in self.get_params(ctx)}
        for title, names in groups.items():
            _write_group(ctx, formatter, title, [left.pop(name) for name in names.split() if name in left])
        _write_group(ctx, formatter, OTHERS if groups else "Options", list(left.values()))


def words_of(ctx: Any) -> str:
    """Return the words by which a command is called after the program's name; none for the program itself."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(words)


def write_examples(ctx: Any, formatter: Any) -> None:
    """Write the examples of a command, each with what it does if that fits beside it."""
    examples = EXAMPLES.get(words_of(ctx), {})
    if examples:
        across = max(map(len, examples))
        with formatter.section("Examples"):
            for line, what in examples.items():
                formatter.write(f"{'':{formatter.current_indent}}{line:{across}}  {what}\n")


def _write_group(ctx: Any, formatter: Any, title: str, params: list[Any]) -> None:
    records = [record for record in (_record(ctx, param) for param in params) if record is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl(records, col_max=_LONGEST_TERM)


def _record(ctx: Any, param: Any) -> tuple[str, str] | None:
    """Return a parameter as it is written, and its help."""
    record: tuple[str, str] | None = param.get_help_record(ctx)
    if record is None or param.param_type_name != "argument":
        return record
    return param.metavar or record[0], record[1]
