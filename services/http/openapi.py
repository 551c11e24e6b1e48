"""The OpenAPI 3.1 document, made from the very descriptions that route, check and decode."""

import inspect
import re
from typing import Any, cast

import msgspec

from services.http.endpoint import Endpoint, NoQuery
from services.http.errors import ErrorEnvelope

_PARAMETER = re.compile(r"\{([a-z_]+)(?::str)?\}")

_RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "schema": {"type": "string"},
        "description": "The request's id, also in its events.",
    },
}
_WRITE_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"schema": {"type": "string"}, "description": "The conversation's version."},
    "X-Event-Position": {
        "schema": {"type": "string"},
        "description": "The write's place in the whole log.",
    },
}
_READ_HEADERS: dict[str, dict[str, Any]] = {
    "X-Projection-Position": {
        "schema": {"type": "string"},
        "description": "How far the read model had taken in the log.",
    },
}
_IDEMPOTENCY: list[dict[str, Any]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "The same request with the same key within 24 hours is done once and answered again.",
    },
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The version the conversation must have, as its ETag gave it; else 412.",
    },
]
_CONSISTENCY: list[dict[str, Any]] = [
    {
        "name": "X-Consistency",
        "in": "header",
        "schema": {"type": "string", "enum": ["strong", "eventual"]},
        "description": "`eventual` reads at once, without waiting for writes acknowledged before.",
    },
    {
        "name": "X-Min-Position",
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Wait for this position of the log only.",
    },
]


def document(endpoints: list[Endpoint], version: str) -> bytes:
    """The whole document as JSON."""
    kinds = {kind for endpoint in endpoints for kind in _kinds(endpoint)}
    ordered = [*sorted(kinds, key=str), ErrorEnvelope]
    schemas, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(
            endpoint, schema_of, components
        )
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Verbatim",
                "version": version,
                "description": "The conversation store for applications with language models.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _kinds(endpoint: Endpoint) -> list[Any]:
    return [endpoint.answer, *([endpoint.body] if endpoint.body else [])]


def _operation(
    endpoint: Endpoint, schema_of: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    writes = endpoint.method != "GET"
    headers = _RESPONSE_HEADERS | (_WRITE_HEADERS if writes else _READ_HEADERS)
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}_{re.sub('[^a-z]+', '_', endpoint.path.lower()).strip('_')}",
        "description": endpoint.notes or inspect.getdoc(endpoint.handle) or endpoint.summary,
        "parameters": [
            *_path_parameters(endpoint.path),
            *_query_parameters(endpoint.query, components),
            *(_IDEMPOTENCY if writes else _CONSISTENCY),
        ],
        "responses": {
            str(endpoint.status): {
                "description": "Done.",
                "headers": headers,
                "content": {"application/json": {"schema": schema_of[endpoint.answer]}},
            },
            "default": {
                "description": "An error; `message` says what to do.",
                "headers": _RESPONSE_HEADERS,
                "content": {"application/json": {"schema": schema_of[ErrorEnvelope]}},
            },
        },
        "x-required-scope": endpoint.scope,
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[endpoint.body]}},
        }
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(
    query: type[msgspec.Struct], components: dict[str, Any]
) -> list[dict[str, Any]]:
    if query is NoQuery:
        return []
    (_,), found = msgspec.json.schema_components(
        [query], ref_template="#/components/schemas/{name}"
    )
    own = found.pop(query.__name__)
    components.update(found)
    required = own.get("required", [])
    properties = cast("dict[str, dict[str, Any]]", own.get("properties", {}))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
            **({"style": "deepObject", "explode": True} if schema.get("type") == "object" else {}),
        }
        for name, schema in properties.items()
    ]
