"""What hypothesis may throw at the domain: any text JSON can carry, any JSON a caller may send."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from domain import commands as c
from domain import events as e
from domain.envelope import Meta
from domain.policy import CompactionPolicy, Strategy
from domain.summaries import Passage, Piece, Range, Summarizer, Trigger
from tests.domain.builders import calls, raw

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
"""U+0000 included; no lone surrogates, which UTF-8 cannot carry and the edge refuses."""
names = st.text("abcxyz_-", min_size=1, max_size=8)
optional_texts = st.none() | texts
metadata = st.dictionaries(texts, texts, max_size=3)
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
tokens = st.integers(0, 10**9)
costs = st.decimals(0, 10**9, places=12, allow_nan=False).map(abs) | st.just(Decimal("0.1"))

values = st.recursive(
    st.none()
    | st.booleans()
    | texts
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
odd_json = st.sampled_from(
    [
        b'{"a":1,"a":2}',
        b"1e999",
        b"-0.0",
        b"1.50",
        b"1E+2",
        b'"\\u0000\\ud83d\\ude00\\/"',
        b"[ 1 ,\t2\n]",
        b"123456789012345678901234567890",
    ]
)


@st.composite
def raws(draw) -> msgspec.Raw:
    """JSON as somebody's program writes it: escaped or not, dense or spaced, numbers of any size."""
    if draw(st.booleans()):
        return msgspec.Raw(draw(odd_json))
    value = draw(values)
    dense = (",", ":") if draw(st.booleans()) else (" , ", " : ")
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=dense)
    return msgspec.Raw(text.encode())


policies = st.builds(
    CompactionPolicy,
    st.sampled_from(["none", "sliding_window", "summarization", "hybrid"]),
    st.integers(1, 10**9),
    st.integers(0, 10**6),
    st.none() | st.integers(1, 10**9),
)
roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
scores = st.floats(-1e6, 1e6)
metas = st.builds(Meta, texts, times, texts, texts, optional_texts, optional_texts)

_FIELDS = {
    msgspec.Raw: raws(),
    datetime: times,
    Decimal | None: st.none() | costs,
    CompactionPolicy: policies,
    str: texts,
    str | None: optional_texts,
    int: tokens,
    dict[str, str]: metadata,
    tuple[str, ...]: st.lists(texts, max_size=3).map(tuple),
    e.Role: roles,
    Strategy: st.sampled_from(["none", "sliding_window", "summarization", "hybrid"]),
    Trigger: st.sampled_from(["manual", "automatic"]),
    int | None: st.none() | tokens,
    tuple[int, ...]: st.lists(tokens, max_size=3).map(tuple),
    dict[str, tuple[int, ...]]: st.dictionaries(
        texts, st.lists(tokens, min_size=1, max_size=3).map(tuple), max_size=2
    ),
    tuple[Range, ...]: st.lists(st.builds(Range, tokens, tokens), max_size=3).map(tuple),
    tuple[Piece, ...]: st.lists(
        st.builds(Piece, tokens, roles, tokens, tokens, texts, scores), max_size=3
    ).map(tuple),
    tuple[Passage, ...]: st.lists(st.builds(Passage, tokens, tokens, texts, texts), max_size=2).map(
        tuple
    ),
    Summarizer | None: st.none() | st.builds(Summarizer, texts, texts, optional_texts),
    e.Source: st.sampled_from(["api", "widget", "playground"]),
}


def events_of(kind: type[e.Event]) -> st.SearchStrategy[e.Event]:
    """Any event of this kind: a field of a type without a strategy fails, it is not left out."""
    fields = {field.name: _FIELDS[field.type] for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


events = st.one_of([events_of(kind) for kind in e.Event.__args__])

CALL_IDS = st.sampled_from(["x", "y", "z"])
"""Few, so that they repeat as in real histories."""

new_messages = st.builds(
    c.NewMessage,
    message_id=st.just(""),
    role=st.sampled_from(["system", "user", "assistant", "tool", "tool"]),
    content=texts.map(raw),
    input_tokens=tokens,
    output_tokens=tokens,
    token_count=st.integers(4, 10_000),
    tokenizer=st.just("o200k_base"),
    created_at=times,
    tool_calls=st.lists(CALL_IDS, max_size=3).map(lambda ids: calls(*ids)),
    tool_call_id=CALL_IDS,
    cost_cents=st.none() | costs,
)
batches = st.lists(new_messages, max_size=4)
patches = st.builds(
    c.UpdateConversation,
    title=st.just(msgspec.UNSET) | optional_texts,
    archived=st.just(msgspec.UNSET) | st.booleans(),
    metadata=st.just(msgspec.UNSET)
    | st.dictionaries(st.sampled_from("abcdefghijklmnopqr"), optional_texts, max_size=9),
    assistant_id=st.just(msgspec.UNSET) | optional_texts,
    user_id=st.just(msgspec.UNSET) | optional_texts,
    compaction=st.just(msgspec.UNSET)
    | st.builds(
        c.PolicyPatch,
        keep_recent=st.just(msgspec.UNSET) | st.integers(0, 3),
        target_tokens=st.just(msgspec.UNSET) | st.none() | st.integers(1, 3),
    ),
)
