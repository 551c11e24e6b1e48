"""What is drawn for an operation: places, messages, patches; and how a message is sent."""

from hypothesis import strategies as st

from tests.agreement.machine import Json
from tests.agreement.model import Message

NAMES = ("a", "b", "c")
CALLS = ("call_1", "call_2")
places = st.tuples(st.integers(0, 1), st.sampled_from(NAMES))
numbers = st.integers(0, 30)
twice = st.booleans()
matches = st.sampled_from([None, None, None, "right", "wrong"])
texts = st.text(max_size=12) | st.just("words " * 40)
labels = st.none() | st.text("xyz é", min_size=1, max_size=5)
drafts = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "user", "assistant", "system"]), "content": texts}),
    st.fixed_dictionaries({
        "role": st.just("assistant"),
        "content": st.none() | texts,
        "calls": st.lists(st.sampled_from(CALLS), min_size=1, max_size=2, unique=True),
    }),
    st.fixed_dictionaries({"role": st.just("tool"), "content": texts, "answers": st.sampled_from(CALLS)}),
)  # fmt: skip
patches = st.fixed_dictionaries({}, optional={
    "title": labels,
    "user_id": labels,
    "assistant_id": labels,
    "metadata": st.dictionaries(st.sampled_from(["k", "l"]), st.none() | st.just("v"), max_size=2),
    "status": st.sampled_from(["active", "archived"]),
})  # fmt: skip


def as_sent(message: Message) -> Json:
    sent: Json = {"id": message.id, "role": message.role, "content": message.content}
    if message.calls:
        one = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
        sent["tool_calls"] = [{"id": call, **one} for call in message.calls]
    return sent | ({"tool_call_id": message.answers} if message.answers else {})
