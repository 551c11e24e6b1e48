from hypothesis import given
from hypothesis import strategies as st

from domain import ids


def test_an_id_is_a_version_7_uuid_of_its_time_and_entropy():
    made = ids.uuid7_hex(0x0123456789AB, bytes.fromhex("ffffffffffffffffffff"))
    assert made == "0123456789ab7fffbfffffffffffffff"
    assert ids.uuid7_hex(0, bytes(10)) == "00000000000070008000000000000000"


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_time(times, entropy):
    made = [ids.uuid7_hex(time, entropy) for time in times]
    assert sorted(made) == [ids.uuid7_hex(time, entropy) for time in sorted(times)]


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ids_of_one_time_differ_in_74_bits_of_the_entropy(one, other):
    def used(entropy):
        number = int.from_bytes(entropy, "big")
        return number >> 68, number & ((1 << 62) - 1)

    assert (ids.uuid7_hex(1, one) == ids.uuid7_hex(1, other)) == (used(one) == used(other))


def test_minted_ids_have_the_shape_of_ids():
    made = ids.uuid7_hex(1_700_000_000_000, bytes(10))
    assert ids.IDENTIFIER.fullmatch(ids.conversation_id(made))
    assert ids.IDENTIFIER.fullmatch(ids.message_id(made))


@given(st.from_regex(ids.WORKSPACE, fullmatch=True), st.from_regex(ids.IDENTIFIER, fullmatch=True))
def test_a_stream_is_its_workspace_and_conversation(workspace, conversation):
    assert ids.split_stream(ids.stream_id(workspace, conversation)) == (workspace, conversation)
