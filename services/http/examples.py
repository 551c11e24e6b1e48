"""Examples for the OpenAPI document; a test sends each request and compares each answer with its schema."""

from typing import Any

Example = dict[str, Any]

NEW_MESSAGE: Example = {"role": "user", "content": "Where is my order 4711?"}
NEW_CONVERSATION: Example = {
    "title": "Order 4711",
    "user_id": "customer-17",
    "metadata": {"channel": "shop"},
    "messages": [{"role": "system", "content": "You help with orders."}, NEW_MESSAGE],
}
PATCH: Example = {"title": "Order 4711, delivered", "metadata": {"channel": None, "rating": "5"}}
BATCH: Example = {
    "messages": [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "find_order", "arguments": '{"id": 4711}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "on its way"},
        {
            "role": "assistant",
            "content": "It is on its way.",
            "model": "gpt-4o",
            "output_tokens": 9,
        },
    ]
}
BULK: Example = {"action": "archive", "conversation_ids": ["conv_1", "conv_2"]}

CONVERSATION: Example = {
    "id": "conv_01a20b61925777cbaeb851df50600b03",
    "assistant_id": None,
    "title": "Order 4711",
    "source": "api",
    "status": "active",
    "user_id": "customer-17",
    "message_count": 2,
    "total_input_tokens": 20,
    "total_output_tokens": 0,
    "total_cost_cents": 0,
    "metadata": {"channel": "shop"},
    "compaction": {
        "strategy": "hybrid",
        "trigger_tokens": 16000,
        "keep_recent": 20,
        "target_tokens": None,
    },
    "context_tokens": 23,
    "version": 3,
    "created_at": "2026-11-24T02:27:53.558970Z",
    "updated_at": "2026-11-24T02:27:53.559208Z",
    "last_message_at": "2026-11-24T02:27:53.558970Z",
    "deleted_at": None,
}
MESSAGE: Example = {
    "id": "msg_01a20b6192f7796087a24ec64ef29971",
    "conversation_id": "conv_01a20b61925777cbaeb851df50600b03",
    "sequence": 2,
    "role": "user",
    "content": "Where is my order 4711?",
    "tool_calls": None,
    "tool_call_id": None,
    "name": None,
    "model": None,
    "finish_reason": None,
    "extra": None,
    "input_tokens": 11,
    "output_tokens": 0,
    "cost_cents": None,
    "token_count": 11,
    "metadata": {},
    "created_at": "2026-11-24T02:27:53.558970Z",
    "is_pinned": False,
    "is_compacted": False,
}
CONVERSATION_ANSWER: Example = {"data": CONVERSATION}
CONVERSATION_LIST: Example = {"data": [CONVERSATION], "has_more": False, "next_cursor": None}
SEARCH: Example = {
    "data": [
        CONVERSATION
        | {
            "score": 7.2159,
            "matches": [
                {
                    "message_id": MESSAGE["id"],
                    "sequence": 2,
                    "role": "user",
                    "snippet": "Where is my order 4711?",
                    "ranges": [[12, 22]],
                    "truncated": False,
                }
            ],
        }
    ],
    "has_more": False,
    "next_cursor": None,
}
CONVERSATION_WITH_MESSAGES: Example = {
    "data": CONVERSATION
    | {"messages": [MESSAGE], "has_more_messages": True, "messages_cursor": "Zm9yIGV4YW1wbGU"}
}
MESSAGE_ANSWER: Example = {"data": MESSAGE}
MESSAGE_LIST: Example = {"data": [MESSAGE], "has_more": False, "next_cursor": None}
MESSAGES_ANSWER = MESSAGE_LIST
DELETED: Example = {"data": {"id": "conv_1", "deleted": True}}
BULK_ANSWER: Example = {
    "data": {
        "action": "archive",
        "updated": 1,
        "failed": 1,
        "errors": [{"id": "conv_2", "type": "not_found", "message": "There is no such thing."}],
    }
}
CHAT: Example = {
    "model": "gpt-4o",
    "messages": [NEW_MESSAGE],
    "conversation_id": "conv_1",
    "user_id": "customer-17",
}
CHAT_ANSWER: Example = {
    "conversation_id": "conv_1",
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764205200,
    "model": "gpt-4o-2024-11-20",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is on its way."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 14, "completion_tokens": 7, "total_tokens": 21},
}
STATISTICS: Example = {
    "data": {
        "total_conversations": 1500,
        "active_conversations": 1200,
        "archived_conversations": 280,
        "deleted_conversations": 20,
        "total_messages": 45000,
        "total_input_tokens": 2500000,
        "total_output_tokens": 1800000,
        "total_cost_cents": 850,
        "conversations_by_source": {"api": 800, "widget": 500, "playground": 200},
        "activity_by_day": [{"date": "2024-01-15", "conversations": 45, "messages": 320}],
    }
}
COMPACT: Example = {"strategy": "hybrid", "keep_recent": 10, "target_tokens": None}
PREVIEW: Example = {"strategies": ["hybrid", "sliding_window"]}
SUMMARY: Example = {
    "id": "sum_01a20b6192f7796087a24ec64ef29971",
    "conversation_id": "conv_01a20b61925777cbaeb851df50600b03",
    "strategy": "hybrid",
    "content": "user: Where is my order 4711?",
    "first_sequence": 2,
    "last_sequence": 26,
    "message_count": 25,
    "tokens_before": 15000,
    "tokens_after": 4500,
    "summarizer": {"name": "extracts", "version": "2", "model": None},
    "created_at": "2026-11-24T02:27:53.558970Z",
    "superseded": False,
}
_COMPACTION: Example = {
    "conversation_id": "conv_01a20b61925777cbaeb851df50600b03",
    "messages_compacted": 25,
    "tokens_before": 15000,
    "tokens_after": 4500,
    "tokens_saved": 10500,
    "compression_ratio": 0.7,
    "preview_only": False,
    "strategy": "hybrid",
    "compaction_id": "cmp_01a20b6192f7796087a24ec64ef29970",
    "summary": SUMMARY,
    "compacted": [{"first_sequence": 2, "last_sequence": 26}],
}
COMPACTION_ANSWER: Example = {"data": _COMPACTION}
PREVIEW_ANSWER: Example = {
    "data": _COMPACTION
    | {
        "preview_only": True,
        "compaction_id": None,
        "summary": SUMMARY | {"id": None, "created_at": None},
        "estimated": False,
        "context": {
            "messages": [{"role": "user", "content": "Where is my order 4711?"}],
            "token_count": 4500,
        },
    }
}
SUMMARY_LIST: Example = {"data": [SUMMARY], "has_more": False, "next_cursor": None}
CONTEXT: Example = {
    "data": {
        "conversation_id": "conv_01a20b61925777cbaeb851df50600b03",
        "version": 31,
        "format": "openai",
        "engine": "verbatim-4",
        "tokenizer": "o200k_base",
        "estimated": False,
        "messages": [
            {"role": "system", "content": "You help with orders."},
            {
                "role": "user",
                "content": "[Earlier messages, shortened]\nuser: Where is my order 4711?",
            },
            {"role": "user", "content": "And the other one?"},
        ],
        "token_count": 38,
        "max_tokens": None,
        "summary_ids": ["sum_01a20b6192f7796087a24ec64ef29971"],
        "included": ["msg_1", "msg_27"],
        "omitted": [],
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }
}
_CALL: Example = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "find_order",
    "arguments": '{"id": 4711}',
}
OPENAI_NEW_ITEMS: Example = {
    "items": [
        {"type": "message", "role": "user", "content": "Where is my order 4711?"},
        _CALL,
        {"type": "function_call_output", "call_id": "call_1", "output": "on its way"},
    ]
}
OPENAI_METADATA: Example = {"metadata": {"channel": "shop"}}
OPENAI_NEW_CONVERSATION: Example = {**OPENAI_NEW_ITEMS, **OPENAI_METADATA}
OPENAI_CONVERSATION: Example = {
    "id": "conv_01a20b61925777cbaeb851df50600b03",
    "object": "conversation",
    "created_at": 1795487273,
    "metadata": {"channel": "shop"},
}
OPENAI_DELETED: Example = {"id": "conv_1", "object": "conversation.deleted", "deleted": True}
OPENAI_ITEM: Example = {"id": "fc_01a20b6192f7796087a24ec64ef29971", **_CALL, "status": "completed"}
OPENAI_ITEMS: Example = {
    "object": "list",
    "data": [OPENAI_ITEM],
    "first_id": OPENAI_ITEM["id"],
    "last_id": OPENAI_ITEM["id"],
    "has_more": False,
}
