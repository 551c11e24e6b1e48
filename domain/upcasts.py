"""How events of older schemas become today's: one hop a schema, never edited once released.

A hop takes the `data` object of a stored event as it stood under `(name, schema)` and returns it as
it would stand under `schema + 1`. No schema has changed yet, so there is none.
"""

from collections.abc import Callable, Mapping
from typing import Any

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
Upcasts = Mapping[tuple[str, int], Upcast]

UPCASTS: Upcasts = {}
