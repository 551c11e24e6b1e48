"""A conversation to compact over the real service, and what the service shows of it."""

import httpx

from services.http.tokenizer import Tokenizer
from tests.services.support import Api

COUNT = Tokenizer("o200k_base").count
TEXTS = [
    "My order {n} was sent to Harbour Street {n}, and the parcel code is ZX-{n}-Q.",
    "Thank you. I see order {n}: it left Rotterdam on 2026-03-{n:02} and will come soon.",
]


def talk(api: Api, name: str, turns: int = 30, **more) -> None:
    """A system message and turns of a user and an assistant; the last word is the user's."""
    roles = ["user", "assistant"]
    messages = [{"role": "system", "content": "You help with orders.", "id": "sys"}]
    for n in range(turns):
        content = TEXTS[n % 2].format(n=n + 10)
        messages.append({"role": roles[n % 2], "content": content, "id": f"m{n}"})
    messages.append({"role": "user", "content": "And what now?", "id": "last"})
    start = {"id": name, "messages": messages[:100], **more}
    assert api.post("/conversations", start).status_code == 201


def data(answer: httpx.Response):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def context(api: Api, name: str, **query):
    return data(api.get(f"/conversations/{name}/context", params=query))


def conversation(api: Api, name: str):
    return data(api.get(f"/conversations/{name}", params={"include_messages": False}))


def data_list(api: Api, name: str) -> list:
    return api.get(f"/conversations/{name}/events", params={"limit": 200}).json()["data"]


def all_of(api: Api, name: str) -> list:
    return api.get(f"/conversations/{name}/messages", params={"limit": 200}).json()["data"]


def retract(api: Api, name: str, item: str) -> None:
    path = f"{api.address}/openai/v1/conversations/{name}/items/{item}"
    answer = httpx.delete(path, headers={"Authorization": f"Bearer {api.key}"})
    assert answer.status_code == 200, answer.text
