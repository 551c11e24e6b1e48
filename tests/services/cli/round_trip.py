"""What of a workspace must be the same after an export and an import."""

from typing import Any

from tests.services.support import Api

KEPT = (
    *("id", "role", "content", "tool_calls", "tool_call_id", "name", "model", "finish_reason", "extra"),
    *("input_tokens", "output_tokens", "cost_cents", "metadata", "created_at", "is_pinned"),
)  # fmt: skip
ABOUT = (
    "id",
    "title",
    "user_id",
    "assistant_id",
    "metadata",
    "source",
    "created_at",
    "compaction",
    "status",
)


def kept(api: Api) -> list[Any]:
    exported = api.get("/conversations/export/user/u").json()["data"]
    return [
        [
            {field: one[field] for field in ABOUT},
            *[{f: m[f] for f in KEPT} for m in one["messages"]],
        ]
        for one in sorted(exported, key=lambda one: one["id"])
    ]
