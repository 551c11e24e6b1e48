"""A setting as the struct declares it: name, default, description, form, whether it is a secret."""

from typing import Any

import msgspec
from msgspec.structs import FieldInfo

from services.settings import PREFIX
from services.settings_forms import Form


def variable_of(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def default_of(field: FieldInfo) -> Any:
    return {} if field.default is msgspec.NODEFAULT else field.default


def description_of(field: FieldInfo) -> str:
    return next((m.description for m in reversed(_metas(field)) if m.description), "")


def form_of(field: FieldInfo) -> Form | None:
    """What a value must look like beyond its type."""
    return next((form for m in _metas(field) if (form := (m.extra or {}).get("form"))), None)


def is_secret(field: FieldInfo) -> bool:
    return any((meta.extra or {}).get("secret") for meta in _metas(field))


def _metas(field: FieldInfo) -> list[msgspec.Meta]:
    found = getattr(field.type, "__metadata__", ())
    return [item for item in found if isinstance(item, msgspec.Meta)]
