"""The OpenAPI document against what the running service does."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema_rs import Draft202012Validator

from domain import asyncapi
from services.http import examples
from services.http.errors import REFUSALS
from tests.servers import Database
from tests.services.http.checks import checks_of
from tests.services.support import Api, serving


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    return httpx.get(f"{api.address}/schema/openapi.json").json()


@pytest.fixture(scope="module")
def schema(api: Api) -> Any:
    loaded = schemathesis.openapi.from_url(f"{api.address}/schema/openapi.json")
    loaded.config.update(base_url=api.address)
    return loaded


def test_the_document_of_the_events_is_served(api: Api) -> None:
    served = httpx.get(f"{api.address}/schema/asyncapi.json")
    assert served.headers["content-type"].startswith("application/json")
    assert served.json() == asyncapi.document()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_service_keeps_to_it(api: Api, schema: Any, mode: schemathesis.GenerationMode) -> None:
    """Schemathesis without its pytest integration: that asks for more than one service."""
    headers = {"Authorization": f"Bearer {api.key}"}
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def keeps(case: Any) -> None:
            case.call_and_validate(checks=checks_of(case), headers=headers)

        try:
            keeps()
        except Unsatisfiable:
            assert (
                mode is schemathesis.GenerationMode.NEGATIVE
            )  # it takes nothing that could be wrong


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert len(operations(document)) >= 16
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        if operation.get("security") == []:
            continue
        assert operation["description"]
        assert operation["x-required-scope"] in ("read", "write", "export")
        assert {"400", "401", "403", "406", "429", "503"} <= set(operation["responses"]), path
        parameters = {p["name"] for p in operation["parameters"]}
        if operation["x-required-scope"] == "write":
            assert "Idempotency-Key" in parameters
            assert {"409", "412", "422"} <= set(operation["responses"])
        else:
            assert {"X-Consistency", "X-Min-Position"} <= parameters
        if method != "get":
            assert {"413", "415"} <= set(operation["responses"])


def test_every_field_and_parameter_is_described(document: dict[str, Any]) -> None:
    bare = [
        f"{kind}.{name}"
        for kind, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if not field.get("description")
    ]
    bare += [
        f"{method} {path} {parameter['name']}"
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if not parameter.get("description") and parameter["in"] != "path"
    ]
    assert not bare, f"give these words in services/http/words.py: {bare}"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("Statistics.activity_by_day", "days without any"),
        ("CompactRequest.keep_recent", "may leave fewer"),
        ("CompactRequest.target_tokens", "`trigger_tokens`"),
        ("ConversationObject.created_at", "Unix seconds"),
        ("ItemObject.type", "`function_call`"),
        ("Summary.message_count", "stands for"),
        ("Summary.content", "summariser"),
        ("Head.format", "verbatim.export.v1"),
        ("/v1/conversations status", "archived ones without it"),
        ("/v1/conversations created_after", "after this time"),
        ("/v1/conversations created_after", "RFC 3339"),
        ("/v1/conversations/search role", "searched"),
        ("/v1/conversations/search message_after", "after this time"),
        ("/v1/conversations/{conversation_id}/messages role", "Only"),
        ("/v1/conversations/{conversation_id}/context strategy", "this read only"),
        ("/v1/conversations/{conversation_id}/export format", "for people"),
    ],
)
def test_words_that_fields_of_one_name_do_not_share(
    document: dict[str, Any], place: str, told: str
) -> None:
    if place.startswith("/"):
        path, _, name = place.partition(" ")
        found = next(p for p in document["paths"][path]["get"]["parameters"] if p["name"] == name)
    else:
        kind, _, name = place.partition(".")
        found = document["components"]["schemas"][kind]["properties"][name]
    assert told in found["description"]


def test_nothing_of_how_it_is_made_shows(document: dict[str, Any]) -> None:
    assert "Struct" not in document["components"]["schemas"]
    assert "_str" not in "".join(op["operationId"] for _, _, op in operations(document))
    integers = [
        f"{kind}.{name}"
        for kind, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if field.get("type") == "integer" and "format" in field
    ]
    assert integers == []


def test_every_tag_is_described(document: dict[str, Any]) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used <= {tag["name"] for tag in document["tags"]}


def test_the_document_is_valid(schema: Any, document: dict[str, Any]) -> None:
    """By OpenAPI 3.1's own schema; and each example by the schema that it stands beside."""
    schema.validate()
    for method, path, operation in operations(document):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in contents:
            for shown in content.values():
                if "example" in shown:
                    whole = shown["schema"] | {"components": document["components"]}
                    found = list(Draft202012Validator(whole).iter_errors(shown["example"]))
                    assert not found, (method, path, found[0].message)


def test_errors_are_described(document: dict[str, Any]) -> None:
    """Every status of the contract, with its type, as an example of an envelope that is in order."""
    described = document["components"]["responses"]
    shown = {
        name: one["content"]["application/json"]["example"]["error"]
        for name, one in described.items()
    }
    envelope = {"$ref": "#/components/schemas/ErrorEnvelope", "components": document["components"]}
    for error in shown.values():
        Draft202012Validator(envelope).validate({"error": error})
    kinds = document["components"]["schemas"]["ErrorBody"]["properties"]["type"]["enum"]
    assert {kind for _, kind, _ in REFUSALS.values()} <= set(kinds)
    assert {error["type"] for error in shown.values()} <= set(kinds)


def test_every_request_has_an_example_that_works(api: Api, document: dict[str, Any]) -> None:
    message = {"role": "user", "content": "x", "id": "msg_1"}
    api.post("/conversations", {"id": "exemplary", "messages": [message]})
    api.post("/conversations/conv_1/restore")  # another test may have deleted the examples' own
    sent = 0
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]["example"]
            filled = path.format(conversation_id="exemplary", message_id="msg_1")
            answer = api(method.upper(), f"{api.address}{filled}", json=body)
            assert str(answer.status_code) in operation["responses"]
            assert answer.status_code < 300, (path, answer.text)
            sent += 1
    assert sent == 12


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/conversations?limit=1", examples.CONVERSATION_LIST),
        ("/conversations/shape", examples.CONVERSATION_WITH_MESSAGES),
        ("/conversations/shape/messages", examples.MESSAGE_LIST),
    ],
)
def test_examples_of_answers_have_the_fields_there_are(api: Api, path: str, shown: Any) -> None:
    api.post("/conversations", {"id": "shape", "messages": [examples.NEW_MESSAGE]})

    def fields(value: Any) -> Any:
        if isinstance(value, list):
            return fields(value[0])
        if isinstance(value, dict):
            return {k: fields(v) for k, v in value.items() if k not in ("metadata", "content")}
        return None

    assert fields(api.get(path).json()) == fields(shown)


def test_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = httpx.get(f"{api.address}/docs")
    assert "http" not in page.text.replace("https?", "").split("<body>")[0]
    assert "validatorUrl: null" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_a_process_of_one_room_describes_all_of_them(module_database: Database) -> None:
    """Behind a proxy they are one API: whichever process is asked, the document is the same."""
    documents = []
    for room in ("command", "query", "gateway"):
        with serving(module_database.service, (room,)) as address:
            documents.append(
                httpx.get(f"{address}/schema/openapi.json", timeout=60).json()["paths"]
            )
    assert documents[0] == documents[1] == documents[2]
    for path, method in (
        ("/v1/conversations", "post"),
        ("/v1/conversations", "get"),
        ("/v1/chat/completions", "post"),
    ):
        assert method in documents[0][path]
