"""How events of older schemas become today's: one hop a schema, never edited once released.

A hop takes the `data` of a stored event as it stood under `(name, schema)` and returns it as it would
stand under `schema + 1`. Values are the JSON text that was stored: a hop decodes what it changes, with
a type, so that a body it cannot take is msgspec's error and reads as corrupt. Everything else, a
caller's own JSON above all, passes through byte for byte.

No schema has changed yet, so there is none.
"""

from collections.abc import Callable, Mapping

import msgspec

Upcast = Callable[[dict[str, msgspec.Raw]], dict[str, msgspec.Raw]]
Upcasts = Mapping[tuple[str, int], Upcast]

UPCASTS: Upcasts = {}
