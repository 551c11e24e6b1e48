"""From a parameter's or a field's schema to values that it must refuse."""

import copy
import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

WRONG: list[tuple[set[str], Any]] = [
    ({"boolean"}, True),
    ({"integer", "number"}, 7),
    ({"string"}, "wrong"),
    ({"array"}, [7]),
    ({"object"}, {"wrong": 7}),
    ({"null"}, None),
]


def bad_texts(name: str, schema: Json) -> list[str]:
    """For a query parameter, as decoded text; a control character is always one."""
    if name == "cursor":
        return ["x", "", "!"]
    kind, texts = schema.get("type"), ["a\x00b", "\x7f"]
    texts += ["null"] if kind != "string" or "format" in schema else []
    if "enum" in schema:
        return [*texts, "nope", "", *(value.upper() for value in schema["enum"])]
    if kind == "integer":
        texts += ["", "x", "1e1", "1.0", "+1", "1_0", "9" * 40]
        texts += [str(schema[end] + step) for end, step in _ENDS if end in schema]
    elif kind == "boolean":
        texts += ["", "maybe", "2"]
    elif schema.get("format") == "date-time":
        texts += ["", "x", "2024", "1700000000", "2024-01-01", "2024-01-01T00:00:00", "2024-02-30T00:00:00Z"]  # fmt: skip
    elif schema.get("format") == "date":
        texts += ["", "x", "2024", "2024-02-30", "2024-01-01T00:00:00Z"]
    elif kind == "string":
        texts += [""] if schema.get("minLength") else []
        texts += ["x" * (schema["maxLength"] + 1)] if "maxLength" in schema else []
    elif kind == "object":
        return []  # written otherwise: see `bad_pairs`
    else:
        raise AssertionError(f"teach bad_texts what {name} must refuse: {schema}")
    return texts


_ENDS = (("minimum", -1), ("maximum", 1))


def bad_pairs(name: str) -> list[str]:
    """For a parameter `name[key]=value`, as query strings."""
    many = "&".join(f"{name}[{number}]=x" for number in range(17))
    return [
        f"{name}=x",
        f"{name}[]=x",
        f"{name}[a]=%00",
        f"{name}[%01]=x",
        f"{name}[{'k' * 65}]=x",
        f"{name}[k]={'v' * 513}",
        many,
    ]


def bad_bodies(schema: Json, example: Json, components: Json) -> Iterator[tuple[str, Json]]:
    """The place that is wrong, and the body, for every field at any depth."""
    for path, place, value in _wrong_fields(schema, example, components, "", ()):
        body = copy.deepcopy(example)
        _put(body, place, value)
        yield path, body


Place = tuple[str | int, ...]
PASSED_ON = ("ChatBody", "StreamOptions")
"""OpenAI's own: what is not known goes to the model's service as it came."""


def _put(body: Any, place: Place, value: Any) -> None:
    *way, last = place
    for step in way:
        body = body.setdefault(step, {}) if isinstance(body, dict) else body[step]
    body[last] = value


def _wrong_fields(
    schema: Json, example: Json, components: Json, path: str, place: Place
) -> Iterator[tuple[str, Place, Any]]:
    schema = resolved(schema, components)
    if schema["title"] not in PASSED_ON:
        assert schema["additionalProperties"] is False, "unknown fields are to be refused"
        yield f"{path}no_such_field", (*place, "no_such_field"), 1
    for name in schema.get("required", []):
        yield f"{path}{name}", (*place, name), ...  # left out
    for name, field in schema["properties"].items():
        here, there = f"{path}{name}", (*place, name)
        options = [resolved(option, components) for option in field.get("anyOf", [field])]
        for option in options:
            shown = example.get(name)
            for value in _beyond(option, options, shown):
                yield here, there, value
            if option.get("type") == "object" and "properties" in option:
                yield from _wrong_fields(option, shown or {}, components, f"{here}.", there)
            items = option.get("items")
            if items is not None and "$ref" in items:
                assert shown, f"give {here} in the example: its items are to be tried"
                yield from _wrong_fields(items, shown[0], components, f"{here}[0].", (*there, 0))


def _beyond(option: Json, options: list[Json], shown: Any) -> Iterator[Any]:
    """Values of another kind, and of this kind beyond its limits; `shown` is a good one."""
    allowed = {kind for one in options for kind in _kinds(one)}
    yield from (value for kinds, value in WRONG if allowed.isdisjoint(kinds))
    if "enum" in option:
        yield "nope"
    yield from option.get("not", {}).get("enum", [])
    if "minimum" in option:
        yield option["minimum"] - 1
    if "maximum" in option:
        yield option["maximum"] + 1
    if "maxLength" in option:
        yield "x" * (option["maxLength"] + 1)
    if option.get("minLength"):
        yield ""
    if "pattern" in option:
        yield from ("a\x00b", "a\u0085b", "\u2028")
    if "minItems" in option:
        yield []
    if "maxItems" in option:
        yield shown[:1] * (option["maxItems"] + 1)
    if "maxProperties" in option:
        yield {str(number): "x" for number in range(option["maxProperties"] + 1)}
        yield from (
            {"": "x"},
            {"k" * 65: "x"},
            {"k": "x" * 513},
            {"k": 7},
            {"k": "\x00"},
            {"\n": ""},
        )


def _kinds(option: Json) -> set[str]:
    kinds = option.get("type", "string" if "enum" in option else [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | ({"integer"} if "number" in found else set())


def resolved(schema: Json, components: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def left_out(body: Json) -> bytes:
    """As JSON, without the fields that are marked as left out."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if item is not ...}
        return [without(item) for item in value] if isinstance(value, list) else value

    return json.dumps(without(body)).encode()
