"""What all configuration models share: frozen, unknown keys refused, compact.

No field is required: each file is one layer and may leave anything out. What a node needs is
decided by what its artifacts use (planner.py), so that a missing value is told together with the
artifact that misses it.
"""

import msgspec


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all configuration models."""


def doc(description: str) -> msgspec.Meta:
    """The description of a field, for the JSON Schema and for findings."""
    return msgspec.Meta(description=description)
