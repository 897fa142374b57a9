"""What a restored file says of how it was made: a few attributes in its XMP packet."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

from imgrestore.codecs.metadata import xmp
from imgrestore.image import Metadata

NAMESPACE = xmp.Namespace("imgrestore", "urn:imgrestore:provenance#")
"""The attributes in XMP."""


@dataclass(frozen=True)
class Stamp:
    """How a file was made.

    Attributes:
        version: Version of imgrestore.
        model: Name of the model.
        weights: SHA-256 of the weights file, or empty for a model without.
        parameters: Everything else that the pixels depend on: settings, and the SHA-256 of the input (``input``).
    """

    version: str
    model: str
    weights: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def into(self, packet: bytes | None) -> bytes | None:
        """Return an XMP packet with the stamp in place of an earlier one.

        Args:
            packet: What the file carried, or None.

        Returns:
            The packet, all else in it as it was; None if it is of a form that cannot take the stamp.
        """
        values = {**dataclasses.asdict(self), "parameters": json.dumps(self.parameters, sort_keys=True)}
        return NAMESPACE.put(packet, {name: str(value) for name, value in values.items()})

    @classmethod
    def out_of(cls, packet: bytes | None) -> Stamp | None:
        """Read the stamp of an XMP packet back; None if there is none, or none that can be read."""
        values = NAMESPACE.read(packet)
        if values is None:
            return None
        try:
            parameters = json.loads(values.pop("parameters", "{}"))
            return cls(**values, parameters=parameters)
        except (TypeError, ValueError):
            return None


def carried(
    metadata: Metadata, stamp: Stamp | None, *, strip: bool = False, largest: int | None = None
) -> tuple[Metadata, tuple[str, ...]]:
    """Return what an output carries besides pixels, and what a person should know of it.

    Args:
        metadata: What its input carried; a stamp there tells how the input was made, and goes.
        stamp: Says how it was made, or None to leave that out.
        strip: Whether everything is left out that the colours do not depend on.
        largest: Longest XMP packet in bytes that the output can hold, or None.
    """
    if strip:
        metadata = Metadata(icc=metadata.icc, png_colour=metadata.png_colour, extra=metadata.extra)
    if stamp is None:
        return replace(metadata, xmp=metadata.xmp and NAMESPACE.removed(metadata.xmp)), ()
    room = math.inf if largest is None else largest
    if metadata.xmp is not None and len(metadata.xmp) > room:
        lost = f"XMP of {len(metadata.xmp)} bytes does not fit into the output and was left out"
        return replace(metadata, xmp=stamp.into(None)), (lost,)
    packet = stamp.into(metadata.xmp)
    if packet is None:
        return metadata, ("its XMP is of a form that cannot take a note of how it was made",)
    if len(packet) > room - xmp.GROWTH:
        without = replace(metadata, xmp=NAMESPACE.removed(metadata.xmp or b""))
        return without, ("beside its XMP there is no room for a note of how it was made",)
    return replace(metadata, xmp=packet), ()
