"""The OpenAPI 3.1 document, made from the very descriptions that route, check and decode."""

import inspect
import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from services.http.about import ABOUT, TAGS
from services.http.endpoint import PARAMETER, Endpoint, NoQuery, plain_path
from services.http.errors import ErrorEnvelope
from services.http.fields import PLAIN
from services.http.openapi_parts import (
    CONSISTENCY,
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    LIMITS,
    Json,
    errors,
    refer,
    responses,
)
from services.http.pages import Page
from services.http.wording import describe, words_for

_REF = "#/components/schemas/{name}"


def document(endpoints: list[Endpoint], pages: Iterable[Page], version: str) -> bytes:
    """The whole document as JSON."""
    kinds = {kind for endpoint in endpoints for kind in _kinds(endpoint)}
    ordered = [*sorted(kinds, key=str), ErrorEnvelope]
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    _numbers(components)
    _base_class(components)
    describe(components)
    schema_of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(plain_path(endpoint.path), {})
        operations[endpoint.method.lower()] = _operation(endpoint, schema_of, components)
    for page in pages:
        if page.summary:
            paths[plain_path(page.path)] = {"get": _page_operation(page)}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Verbatim",
                "version": version,
                "description": ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "headers": HEADERS,
                "responses": responses(),
                "securitySchemes": {
                    "key": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "An API key: `vb_…`, as `verbatim keys create` shows it once.",
                    }
                },
            },
        }
    )


def _numbers(part: Any) -> None:
    """Decimals go out as numbers, and the schemas are to say so."""
    for value in part.values() if isinstance(part, dict) else part:  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, dict) and value.get("format") == "decimal":  # pyright: ignore[reportUnknownMemberType]
            del value["format"]
            value["type"] = "number"
        if isinstance(value, dict | list):
            _numbers(value)


def _base_class(components: Json) -> None:
    """What may be any of our structs is to others an object."""
    if components.pop("Struct", None) is not None:
        components["CloudEvent"]["properties"]["data"] = {"type": ["object", "null"]}


def _kinds(endpoint: Endpoint) -> list[Any]:
    return [endpoint.answer, *([endpoint.body] if endpoint.body else [])]


def _operation(endpoint: Endpoint, schema_of: dict[Any, Json], components: Json) -> Json:
    writes = endpoint.scope == "write"
    own_path = "conversation_id" in endpoint.path
    headers = ["X-Request-ID", *LIMITS]
    headers += ["X-Event-Position", "Idempotent-Replayed"] if writes else ["X-Projection-Position"]
    headers += ["ETag"] if own_path or endpoint.status == 201 else []
    headers += endpoint.headers
    content: Json = {"schema": schema_of[endpoint.answer]}
    if endpoint.example_answer is not None:
        content["example"] = endpoint.example_answer
    done = {
        "description": "Done.",
        "headers": refer("headers", *headers),
        "content": {
            kind: content if kind == "application/json" else {"schema": {"type": "string"}}
            for kind in endpoint.media_types
        },
    }
    refused = [400, 401, 403, 406, 429, 503, *([404] if own_path else [])]
    refused += [413, 415] if endpoint.method != "GET" else []
    refused += [409, 412, 422] if writes else []
    refused += [502, 504] if endpoint.asks_model else []
    operation: Json = {
        "summary": endpoint.summary,
        "operationId": _name_of(endpoint.method, endpoint.path),
        "description": _description(endpoint),
        "tags": [endpoint.tag],
        "parameters": [
            *_path_parameters(endpoint.path),
            *_query_parameters(endpoint.query, components),
            *([IDEMPOTENCY_KEY] if writes else CONSISTENCY),
            *([IF_MATCH] if writes and own_path else []),
        ],
        "responses": {
            **{str(status): done for status in (endpoint.status, *endpoint.also)},
            **errors(*sorted(refused)),
        },
        "x-required-scope": endpoint.scope,
        "x-rate-limit-cost": endpoint.cost,
    }
    if endpoint.body is not None:
        body: Json = {"schema": schema_of[endpoint.body]}
        if endpoint.example_body is not None:
            body["example"] = endpoint.example_body
        operation["requestBody"] = {
            "required": endpoint.needs_body,
            "content": {"application/json": body},
        }
    return operation


def _name_of(method: str, path: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", plain_path(path).lower()).strip("_")
    return f"{method.lower()}_{words}"


def _description(endpoint: Endpoint) -> str:
    text = endpoint.notes or inspect.getdoc(endpoint.handle) or endpoint.summary
    return f"{text}\n\nScope: `{endpoint.scope}`."


def _page_operation(page: Page) -> Json:
    done = {
        "description": "Done.",
        "headers": refer("headers", "X-Request-ID"),
        "content": {page.media_type: {"schema": {"type": "object"} if "json" in page.media_type else {"type": "string"}}},
    }  # fmt: skip
    return {
        "summary": page.summary,
        "operationId": _name_of("GET", page.path),
        "tags": ["operation"],
        "security": [],
        "responses": {str(status): done for status in page.statuses},
    }


_IDENTIFIER = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_PATH_PARAMETERS: dict[str, Json] = {
    "conversation_id": {"schema": _IDENTIFIER, "example": "conv_1"},
    "message_id": {"schema": _IDENTIFIER, "example": "msg_1"},
    "item_id": {
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,64}(\.[0-9]{1,6})?$"},
        "example": "msg_1",
    },
    "user_id": {
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, **PLAIN},
        "example": "customer-17",
    },
}


def _path_parameters(path: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            **_PATH_PARAMETERS[name],
        }
        for name in PARAMETER.findall(path)
    ]


def _query_parameters(query: type[msgspec.Struct], components: Json) -> list[Json]:
    if query is NoQuery:
        return []
    (_,), found = msgspec.json.schema_components([query], ref_template=_REF)
    own = found.pop(query.__name__)
    components.update(found)
    required = own.get("required", [])
    properties = cast("dict[str, Json]", own.get("properties", {}))
    return [
        _query_parameter(query.__name__, name, schema, required)
        for name, schema in properties.items()
    ]


def _query_parameter(kind: str, name: str, schema: Json, required: list[str]) -> Json:
    # A query string has no null: what may be null may be left out.
    options: list[Json] = [
        option for option in schema.get("anyOf", []) if option.get("type") != "null"
    ]
    if options:
        if all("enum" in option for option in options):
            words = {k: v for option in options for k, v in option.items()}
            options = [words | {"enum": [v for option in options for v in option["enum"]]}]
        kept = options[0] if len(options) == 1 else {"anyOf": options}
        default = {} if schema.get("default") is None else {"default": schema["default"]}
        rest = {k: v for k, v in schema.items() if k not in ("anyOf", "default")}
        schema = kept | rest | default
    if "enum" in schema:
        schema = schema | {"enum": [value for value in schema["enum"] if value is not None]}
    own = schema.pop("description", None)
    is_time = schema.get("format") == "date-time"
    description = f"{words_for(kind, name)} {own}" if is_time else own or words_for(kind, name)
    is_map = schema.get("type") == "object"
    return {
        "name": name,
        "in": "query",
        "required": name in required,
        **({"description": description} if description else {}),
        "schema": schema,
        **({"style": "deepObject", "explode": True, "example": {}} if is_map else {}),
    }
