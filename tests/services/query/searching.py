"""What there is to search, and how the tests ask for it."""

from typing import Any

import pytest

from tests.services.support import Api


@pytest.fixture(scope="module")
def shop(api: Api) -> Api:
    """A few conversations of one user, told apart by filters."""
    api.start(
        "late", "my parcel is late", "order A-1234 from May", title="Late parcel",
        user_id="ada", assistant_id="shop", metadata={"team": "red"}, created_at="2024-03-01T00:00:00Z",
    )  # fmt: skip
    api.start("refund", "I want a refund for the kettle", "the refund has not come", user_id="bob")
    api.post(
        "/conversations/refund/messages",
        {"role": "assistant", "content": "Your refunds are on their way, kettle included."},
    )
    api.start("kettle", "the kettle is broken", title="Kettles", source="widget", user_id="ada")
    api.start("weather", "it rains", "and the sun shines", user_id="ada")
    return api


def search(api: Api, q: str, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("/conversations/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ids(api: Api, q: str, **params: Any) -> list[str]:
    return [found["id"] for found in search(api, q, **params)]
