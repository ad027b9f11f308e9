"""Whether documents follow the schemas that `esim schema` prints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from esim.cli.schema import schema_documents
from esim.results.schemas import schema_of


@cache
def validator(name: str) -> Draft202012Validator:
    """What holds documents against the schema of this name."""
    found = schema_of(name, schema_documents()[name])
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def assert_follows(document: Mapping[str, Any]) -> None:
    """A document follows the schema that it names; else where it does not."""
    errors = validator(document["schema"]).iter_errors(document)
    found = [f"{error.json_path}: {error.message:.300}" for error in errors]
    assert not found, found
