"""What the tests of reads share."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tests.services.support import Api


def pages(api: Api, path: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages of a list, by its cursors; each but the last must be full."""
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor is not None else {}
        answer = api.get(f"{path}?{urlencode(query | more)}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"data", "has_more", "next_cursor"}
        assert page["has_more"] is (page["next_cursor"] is not None)
        yield page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
        assert len(page["data"]) == query["limit"]


def everything(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    return [item for page in pages(api, path, **query) for item in page]
