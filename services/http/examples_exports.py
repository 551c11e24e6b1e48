"""Examples of exports, for the OpenAPI document."""

from services.http.examples import CONVERSATION, MESSAGE, Example

_EXPORT_HEAD: Example = {
    "format": "verbatim.export.v1",
    "workspace": "acme",
    "exported_at": "2026-11-24T02:27:55Z",
    "log_position": 812,
}
_EXPORTED: Example = CONVERSATION | {"messages": [MESSAGE], "summaries": []}
_COUNTS: Example = {"conversations": 1, "messages": 1, "summaries": 0, "events": 0}
CONVERSATION_EXPORT: Example = {
    "export": _EXPORT_HEAD | {"conversation_id": CONVERSATION["id"]},
    "data": _EXPORTED,
    "counts": _COUNTS,
}
USER_EXPORT: Example = {
    "export": _EXPORT_HEAD | {"user_id": "customer-17"},
    "data": [_EXPORTED],
    "counts": _COUNTS,
}
