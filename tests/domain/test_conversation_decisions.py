"""Start, update, delete, restore."""

import pytest

from domain import events as e
from domain import refusals as r
from domain.commands import PolicyPatch
from domain.policy import CompactionPolicy
from tests.domain.builders import (
    NOON,
    POLICY,
    answering,
    append,
    appended,
    as_event,
    asking,
    at,
    delete,
    given,
    message,
    pin,
    pinned,
    restore,
    retract,
    start,
    started,
    unpin,
    update,
)

ARCHIVED = e.ConversationArchived()
UNARCHIVED = e.ConversationUnarchived()
DELETED = e.ConversationDeleted()
RESTORED = e.ConversationRestored()


def pairs(number: int) -> dict[str, str]:
    return {f"key_{n}": "value" for n in range(number)}


class TestStart:
    def test_begins_with_everything_it_was_given(self):
        fields = {
            "source": "widget",
            "compaction": CompactionPolicy("none", 9_000, 5, 4_000),
            "created_at": at(-60),
            "assistant_id": "asst_1",
            "user_id": "user_1",
            "title": "A title",
            "metadata": {"tier": "gold"},
        }
        given().when(start(**fields)).then(started(**fields))

    def test_takes_messages_along_in_order(self):
        given().when(start(message("a"), message("b", "assistant"))).then(
            started(), appended("a"), appended("b", "assistant")
        )

    def test_messages_carry_its_own_trigger(self):
        policy = CompactionPolicy("hybrid", 500, 2, None)
        story = given().when(start(message("a"), compaction=policy))
        story.then(started(compaction=policy), appended("a"))
        assert story.events[-1].trigger_tokens == 500

    def test_messages_may_answer_calls_among_them(self):
        messages = (asking("a", "call_1"), answering("b", "call_1"))
        given().when(start(*messages)).then(started(), *map(as_event, messages))

    def test_a_single_message_is_named_by_its_place_too(self):
        command = start(answering("a", "call_1"))
        given().when(command).refused(r.UnmatchedToolCall, "messages[0].tool_call_id")

    def test_an_id_in_use_is_refused(self):
        given(started()).when(start()).refused(r.ConversationExists, "id")

    def test_the_id_of_a_deleted_conversation_is_in_use(self):
        given(started(), DELETED).when(start()).refused(r.ConversationExists, "id")

    def test_sixteen_pairs_of_metadata_and_no_more(self):
        given().when(start(metadata=pairs(16))).then(started(metadata=pairs(16)))
        given().when(start(metadata=pairs(17))).refused(r.TooMuchMetadata, "metadata")


class TestUpdate:
    @pytest.mark.parametrize(
        ("command", "event"),
        [
            (update(title="New"), e.ConversationRetitled("New")),
            (update(title=None), e.ConversationRetitled(None)),
            (update(user_id="u2"), e.ConversationReassigned("asst", "u2")),
            (update(assistant_id=None), e.ConversationReassigned(None, "user")),
            (update(archived=True), ARCHIVED),
            (update(metadata={"b": "2"}), e.MetadataChanged({"b": "2"}, ())),
            (update(metadata={"a": "9"}), e.MetadataChanged({"a": "9"}, ())),
            (update(metadata={"a": None}), e.MetadataChanged({}, ("a",))),
            (update(metadata={"a": "1", "b": "2"}), e.MetadataChanged({"b": "2"}, ())),
        ],
    )
    def test_a_change_is_one_event_that_says_it(self, command, event):
        first = started(assistant_id="asst", user_id="user", title="Old", metadata={"a": "1"})
        given(first).when(command).then(event)

    @pytest.mark.parametrize(
        "command",
        [
            update(),
            update(title="Old"),
            update(assistant_id="asst", user_id="user"),
            update(archived=False),
            update(metadata={}),
            update(metadata={"a": "1"}),
            update(metadata={"missing": None}),
            update(compaction=PolicyPatch()),
            update(compaction=PolicyPatch(strategy="hybrid", keep_recent=20, target_tokens=None)),
        ],
    )
    def test_no_change_is_no_event(self, command):
        first = started(assistant_id="asst", user_id="user", title="Old", metadata={"a": "1"})
        given(first).when(command).then()

    def test_both_holders_are_one_event(self):
        command = update(assistant_id="a2", user_id="u2")
        given(started()).when(command).then(e.ConversationReassigned("a2", "u2"))

    def test_several_changes_are_several_events(self):
        command = update(title="New", archived=True, user_id="u", metadata={"a": "1"})
        given(started()).when(command).then(
            e.ConversationRetitled("New"),
            e.ConversationReassigned(None, "u"),
            e.MetadataChanged({"a": "1"}, ()),
            ARCHIVED,
        )

    def test_a_policy_patch_keeps_what_it_does_not_name(self):
        story = given(started(compaction=CompactionPolicy("hybrid", 9_000, 7, 4_000)))
        changed = CompactionPolicy("none", 9_000, 7, None)
        story.when(update(compaction=PolicyPatch(strategy="none", target_tokens=None)))
        story.then(e.CompactionPolicyChanged(changed))
        assert story.now.compaction == changed

    def test_unarchiving(self):
        given(started(), ARCHIVED).when(update(archived=False)).then(UNARCHIVED)

    def test_sixteen_pairs_after_the_merge_and_no_more(self):
        full = given(started(metadata=pairs(16)))
        full.when(update(metadata={"one_more": "x"})).refused(r.TooMuchMetadata, "metadata")
        full.when(update(metadata={"one_more": "x", "key_0": None})).then(
            e.MetadataChanged({"one_more": "x"}, ("key_0",))
        )
        assert len(full.now.metadata) == 16

    def test_a_missing_conversation_is_refused(self):
        given().when(update(title="x")).refused(r.ConversationNotFound)


class TestDeleteAndRestore:
    def test_once_is_enough(self):
        given(started()).when(delete()).then(DELETED).when(delete()).then()
        given(started()).when(restore()).then()

    @pytest.mark.parametrize("before", [[], [ARCHIVED], [ARCHIVED, UNARCHIVED]])
    def test_restored_it_stands_as_it_stood(self, before):
        story = given(started(), appended("a"), pinned("a"), *before)
        stood = story.now.status
        story.when(delete()).then(DELETED)
        assert story.now.status == "deleted"
        assert story.now.deleted_at == at(len(story.events))
        story.when(restore()).then(RESTORED)
        assert story.now.status == stood
        assert story.now.deleted_at is None
        assert story.now.pinned == {1}

    @pytest.mark.parametrize(
        "command",
        [
            append(message("b")),
            append(),
            update(title="x"),
            update(),
            update(archived=True),
            pin("a"),
            unpin("a"),
            retract("a"),
        ],
    )
    def test_every_other_write_to_a_deleted_one_is_refused(self, command):
        story = given(started(created_at=NOON, compaction=POLICY), appended("a"), DELETED)
        story.when(command).refused(r.ConversationIsDeleted)

    @pytest.mark.parametrize("command", [delete(), restore(), append(message("a"))])
    def test_a_missing_conversation_is_refused(self, command):
        given().when(command).refused(r.ConversationNotFound)
