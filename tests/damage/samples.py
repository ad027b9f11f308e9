"""What is damaged: a history, a folder of a study, a folder of results, and documents."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import esim
from esim.analyses.diff import diff
from esim.analyses.explain.explain import explain
from esim.assumptions import Costs
from esim.readers.inputs import read_inputs
from esim.report.formats.csv_and_json import csv_of, json_of
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.report.pages.document import read_page
from esim.report.pages.page import Picture
from esim.results.check import CheckDocument
from esim.results.explanation import Explanation
from esim.results.history import SPREAD, AskedClock, Breakdown, HistoryReplay
from esim.results.named_rule import RecordedRule
from esim.results.replay import TOTALED, TRIALS, ReplayDocument, add_up
from esim.results.saved import SavedResult, read_result
from esim.storage.history import Location
from esim.storage.history.write import Input, append
from esim.study import Note, Study
from tests.report.pages import result_folder


@dataclass(frozen=True)
class Stored:
    """A folder that esim wrote.

    Attributes:
        folder: where it is; its Parquet files are damaged.
        read: reads it, and returns what it holds and what is noted about it.
    """

    folder: Path
    read: Callable[[Path], tuple[Any, Any]]


def study(name: str, seed: int, timed: bool = True) -> Study:
    """A small study in which the rule stops trials, with a hyperparameter of each type."""
    rng, n, steps = np.random.default_rng(seed), 8, 5
    values = 2 / (1 + np.arange(steps)) * rng.uniform(0.5, 1.5, (n, 1)) + rng.random((n, steps))
    made = Study.from_arrays(
        values,
        "minimize",
        name=name,
        objective="loss",
        elapsed=np.cumsum(np.full((n, steps), 2.0), axis=1) if timed else None,
        start=np.arange(n) * 9.0,
        end=np.arange(n) * 9.0 + 25,
        billed=[np.nan, *range(20, 20 + n - 1)],
        config={"lr": list(rng.random(n)), "layers": [2] * n, "mixed": [1, "a", None, 0.5] * 2},
    )
    return dataclasses.replace(made, notes=(Note("n", "a note", 2, ("x:1: y",)),))


def stored(base: Path) -> dict[str, Stored]:
    """Samples of folders, made below a folder."""
    one, two = study("one", 1), study("two", 2, timed=False)
    append(Location(str(base / "history")), [Input("in", "0" * 64, "table", [one, two])], None)
    one.to_parquet(base / "study")
    result_folder(base / "results", study("one", 1), study("two", 2), workers=2)
    (base / "results" / TRIALS).unlink()  # which no report reads
    return {
        "history": Stored(base / "history", _studies),
        "study": Stored(base / "study", _studies),
        "results": Stored(base / "results", _page),
    }


def _studies(folder: Path) -> tuple[Any, Any]:
    found = read_inputs(folder, objective="loss", direction="minimize")
    notes = [one.notes for one in found.inputs], [of.notes for of in found.studies]
    return [pickle.dumps(vars(dataclasses.replace(of, notes=()))) for of in found.studies], notes


def _page(folder: Path) -> tuple[Any, Any]:
    page, _ = read_page(folder)
    parts = [part for section in page.sections for part in section.parts]
    drawn = [part.plot for part in parts if isinstance(part, Picture)]
    return [pickle.dumps(plot.info) for plot in drawn], json_of(page)


def documents() -> dict[str, Any]:
    """A document of each kind that esim reads back, as plain values."""
    one, two = study("one", 1), study("two", 2)
    note = {"code": "n", "text": "t", "count": 1, "evidence": ["x:1"], "study": "one"}
    inputs = ({"path": "logs", "sha256": "0" * 64, "format": "table", "notes": [note]},)
    costs = Costs(price=3.6)
    summary = esim.replay(one, costs=costs).summary
    summaries = {key: [getattr(summary, key)] * 2 for key in TOTALED}
    made: dict[str, Any] = {
        f"replay {number}": ReplayDocument(results, inputs, "esim replay logs")
        for number, results in enumerate(
            (
                (esim.replay(one, costs=costs, workers=2),),
                (esim.replay(one, readings=True),),
                (esim.replay(one), esim.replay(two, costs=costs)),
            ),
            start=1,
        )
    }
    made |= {
        "compare": esim.compare([one, two], ["sagemaker", "ray-asha"], orders=3),
        "estimate": esim.estimate([one, two], replicates=100, trials=6).document(inputs),
        "explain": explain(one, one.trials[-1]),
        "check": CheckDocument((esim.check(one),), inputs),
        "replay many": HistoryReplay(
            inputs=inputs,
            rule=RecordedRule("sagemaker", "its documentation", {"quantile": 0.5}),
            clock=AskedClock(None, 1),
            costs=costs,
            final="last",
            studies=2,
            totals=add_up(summaries),
            spread={"steps_saved_fraction": {"studies": 2, **dict.fromkeys(SPREAD, 0.25)}},
            failures={"job-3": "no report"},
            warnings={"w": 1},
            by=Breakdown.of("month", ["2024-05", None], summaries),
            command="esim replay history --by month",
        ),
    }
    made["diff"] = diff(
        *(
            SavedResult(json.loads(made[name].to_json()), name, Path("nowhere"))
            for name in ("replay 1", "replay 3")
        )
    )
    return {name: json.loads(document.to_json()) for name, document in made.items()}


def read_document(path: Path, *, drawn: bool) -> str:
    """What is shown of a document; of those of which there is no report, what it says.

    Args:
        path: the document.
        drawn: whether figures are drawn too, which takes long.
    """
    source = read_result(path)
    for schema, kind in _WITHOUT_A_PAGE.items():
        if source.schema == schema:
            return kind.from_dict(source.document, source.where).to_json()
    page, _ = read_page(path)
    return csv_of(page) + json_of(page) + (html(page) if drawn else markdown(page, {}))


_WITHOUT_A_PAGE: dict[str, Any] = {
    "esim.explain/1": Explanation,
    "esim.check/1": CheckDocument,
}
