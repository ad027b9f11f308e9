"""The JSON schemas of result documents, made from their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esim.results.certificate import Certificate
from esim.results.check import CheckDocument
from esim.results.closed_loop import ClosedLoop
from esim.results.comparison.comparison import Comparison
from esim.results.difference import Difference
from esim.results.estimate import EstimateDocument
from esim.results.explanation import Explanation
from esim.results.history import HistoryReplay
from esim.results.identification import Identification
from esim.results.meanings import MEANINGS
from esim.results.records import Document
from esim.results.replay import ReplayDocument
from esim.results.rule_set import RuleSet
from esim.results.watched import Watched
from esim.storage.json_schema import json_schema

# The documents by the names of their schemas. `esim report` and `esim fetch` write two more.
DOCUMENTS: Mapping[str, type[Document]] = {
    kind.schema: kind
    for kind in (
        ReplayDocument,
        HistoryReplay,
        Comparison,
        EstimateDocument,
        CheckDocument,
        Explanation,
        Identification,
        RuleSet,
        Certificate,
        Watched,
        Difference,
        ClosedLoop,
    )
}


def schema_of(name: str, record: Any = None) -> dict[str, Any]:
    """The JSON schema of a document, draft 2020-12.

    Args:
        name: of the schema, as in the document's key "schema".
        record: the dataclass of the document; None: that in `DOCUMENTS`.

    Example:
        >>> schema_of("esim.replay/1")["properties"]["totals"]
        {'$ref': '#/$defs/Totals', 'description': 'The summary keys that add up over studies.'}
    """
    return json_schema(DOCUMENTS[name] if record is None else record, name, MEANINGS)
