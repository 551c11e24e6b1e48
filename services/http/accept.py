"""Accept and Accept-Encoding: lists of names with weights. Litestar's own reading of Accept overlooks `q=0`."""

import re
from collections.abc import Iterable

_WEIGHT = re.compile(rb";\s*q=\s*([0-9.]*)")


def accepts_media(header: bytes, offered: Iterable[str]) -> bool:
    """Whether one of the media types would do. A header that is empty accepts all."""
    if not header.strip():
        return True
    weights = _weights(header)
    return any(_weight(weights, kind.encode()) for kind in offered)


def accepts_gzip(header: bytes) -> bool:
    """Whether an Accept-Encoding asks for gzip, by name or by `*`, with a weight above 0."""
    if not header:
        return False
    weights = _weights(header)
    return weights.get(b"gzip", weights.get(b"*", False))


def _weight(weights: dict[bytes, bool], kind: bytes) -> bool:
    """The most exact entry decides."""
    main = kind.partition(b"/")[0]
    for name in (kind, main + b"/*", b"*/*"):
        if name in weights:
            return weights[name]
    return False


def _weights(header: bytes) -> dict[bytes, bool]:
    """By name, whether it is wanted; parameters other than the weight are passed over."""
    weights: dict[bytes, bool] = {}
    for item in header.lower().split(b","):
        name = item.partition(b";")[0].strip()
        weight = _WEIGHT.search(item)
        weights[name] = weight is None or weight[1].strip(b"0.") != b""
    return weights
