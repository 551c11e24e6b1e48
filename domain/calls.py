"""Tool calls that wait for an answer.

Real histories repeat call ids, so an id alone names nothing: each open call is kept with the sequence
of the message that made it, and an answer goes to the nearest earlier one of its id. All functions
return a new mapping, or the same one where nothing changed.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from domain.events import NULL

OpenCalls = dict[str, tuple[int, ...]]
"""Call id → sequences of the messages whose call of that id has no answer yet, ascending."""


def open_calls_of(open_calls: OpenCalls, sequence: int, ids: Iterable[str]) -> OpenCalls:
    """With the calls of the message at `sequence`, which may hold an id more than once."""
    more = open_calls
    for call_id in ids:
        if more is open_calls:
            more = dict(open_calls)
        more[call_id] = (*more.get(call_id, ()), sequence)
    return more


def close_call(open_calls: OpenCalls, call_id: str | None) -> OpenCalls:
    """Without the latest open call of this id."""
    if call_id is None or call_id not in open_calls:
        return open_calls
    return _with(open_calls, call_id, open_calls[call_id][:-1])


def withdraw_calls(open_calls: OpenCalls, sequence: int) -> OpenCalls:
    """Without the open calls of the message at `sequence`."""
    for call_id, sequences in list(open_calls.items()):
        if sequence in sequences:
            left = tuple(other for other in sequences if other != sequence)
            open_calls = _with(open_calls, call_id, left)
    return open_calls


def changed_calls(open_calls: OpenCalls, reopened: OpenCalls, closed: OpenCalls) -> OpenCalls:
    """With some calls that wait again, and without some that wait no more."""
    for call_id, sequences in closed.items():
        left = Counter(open_calls.get(call_id, ())) - Counter(sequences)
        open_calls = _with(open_calls, call_id, tuple(sorted(left.elements())))
    for call_id, sequences in reopened.items():
        more = (*open_calls.get(call_id, ()), *sequences)
        open_calls = _with(open_calls, call_id, tuple(sorted(more)))
    return open_calls


def more_open(calls: OpenCalls, others: OpenCalls) -> OpenCalls:
    """The calls that are open in the first and not in the other."""
    more = {
        call_id: Counter(sequences) - Counter(others.get(call_id, ()))
        for call_id, sequences in calls.items()
    }
    return {call_id: tuple(sorted(left.elements())) for call_id, left in more.items() if left}


def _with(open_calls: OpenCalls, call_id: str, sequences: tuple[int, ...]) -> OpenCalls:
    changed = dict(open_calls)
    if sequences:
        changed[call_id] = sequences
    else:
        changed.pop(call_id, None)
    return changed


class _Call(msgspec.Struct):
    id: str | None = None


_decode_call = msgspec.json.Decoder(_Call).decode
_decode_calls = msgspec.json.Decoder(list[_Call] | None).decode
_decode_unknown = msgspec.json.Decoder(list[msgspec.Raw]).decode


def call_ids(tool_calls: msgspec.Raw) -> list[str]:
    """The ids of the calls in this JSON (an array, or null), in order.

    A call of an unknown shape is the caller's business: what has no text as its id is left out.
    """
    if tool_calls is NULL or tool_calls == NULL:
        return []
    try:
        return [call.id for call in _decode_calls(tool_calls) or () if call.id is not None]
    except msgspec.ValidationError:
        return _ids_of_unknown(tool_calls)


def _ids_of_unknown(tool_calls: msgspec.Raw) -> list[str]:
    ids: list[str] = []
    try:
        calls = _decode_unknown(tool_calls)
    except msgspec.ValidationError:
        return ids
    for call in calls:
        try:
            call_id = _decode_call(call).id
        except msgspec.ValidationError:
            continue
        if call_id is not None:
            ids.append(call_id)
    return ids
