"""Tables of a recipe that are not parts."""

from __future__ import annotations

from typing import Literal

from imgrestore.parts.part import Field, RecipeTable, model_validator


class TrainingTable(RecipeTable):
    """Length and numerics of the run: exactly one of steps, epochs and minutes.

    Attributes:
        steps: Optimiser steps (of each stage that takes steps).
        epochs: Passes over the data (of each stage that takes steps).
        minutes: Wall-clock time of the whole run, from the start of its process until its weights are written; the
            schedule follows it. Such a run cannot be repeated exactly.
        seed: Decides every random number of the run.
        precision: Arithmetic of the network in training; weights and losses are float32 either way, and so is all of it
            on processors without bfloat16.
        ema: Decay per step of the averaged weights, which are the result; 0 takes the weights as they are.
        stages: What is trained one after the other; most models know ``joint`` alone.
        log_every: Steps between records of the loss.
        checkpoint_every: Steps between checkpoints; by default, one is written every minute.
    """

    steps: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    seed: int = Field(0, ge=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: float = Field(0.0, ge=0, lt=1)
    stages: tuple[Literal["joint", "cluster", "per-cluster"], ...] = Field(("joint",), min_length=1)
    log_every: int = Field(100, ge=1)
    checkpoint_every: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_length(self) -> TrainingTable:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of steps, epochs and minutes, not {' and '.join(given) or 'none of them'}")
        if self.minutes and len(self.stages) > 1:
            raise ValueError("a run of several stages is measured in steps or epochs, not in minutes")
        return self


class ValidationTable(RecipeTable):
    """Measuring during the run, on images held out from the data, of large ones on the middle.

    Attributes:
        images: How many are held out, spread evenly over the data; 0 measures nothing.
        every: Steps between measurements; by default, ten measurements are spread over the run. A run in minutes is
            measured by the clock instead, as often as that or less, so that it takes 3 % of the time at most.
        every_epochs: Epochs between measurements, instead of ``every``.
        protocol: See ``imgrestore evaluate``.
        best: The metric that decides which weights are kept as the best.
    """

    images: int = Field(12, ge=0)
    every: int | None = Field(None, ge=1)
    every_epochs: int | None = Field(None, ge=1)
    protocol: Literal["y", "rgb"] = "rgb"
    best: Literal["psnr", "ssim", "ms_ssim"] = "psnr"

    @model_validator(mode="after")
    def _one_rhythm(self) -> ValidationTable:
        if self.every is not None and self.every_epochs is not None:
            raise ValueError("give every or every_epochs, not both")
        return self
