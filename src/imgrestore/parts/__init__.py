"""What can be added by adding one file, and how it is found.

What authors of parts need is here: the decorators, and what the settings of a part are made of (docs/plugins.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgrestore.parts.registry import (
    register_dataset,
    register_degradation,
    register_loss,
    register_metric,
    register_model,
    register_optimizer,
    register_schedule,
)

if TYPE_CHECKING:
    from imgrestore.parts.part import Field, Range, SerializeAsAny, model_validator, within

__all__ = [
    "Field",
    "Range",
    "SerializeAsAny",
    "model_validator",
    "register_dataset",
    "register_degradation",
    "register_loss",
    "register_metric",
    "register_model",
    "register_optimizer",
    "register_schedule",
    "within",
]


def __getattr__(name: str) -> Any:
    """Import what needs pydantic when it is first used: listing parts does without."""
    if name not in __all__:
        raise AttributeError(f"module 'imgrestore.parts' has no attribute {name!r}")
    from imgrestore.parts import part

    return getattr(part, name)
