"""The folder of --out: the result document, its tables and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esim.folders import unique_slugs, whole_folder
from esim.results import ReplayResult, to_json
from esim.study import Study

if TYPE_CHECKING:
    from esim.estimate.records import Estimate
    from esim.explain import Explanation

RESULT, TRIALS, DECISIONS, FIGURES = "result.json", "trials.parquet", "decisions.parquet", "figures"
ESTIMATE = "estimate.json"


def write_results(
    folder: Path,
    studies: Sequence[Study],
    results: Sequence[ReplayResult],
    document: Mapping[str, Any],
) -> None:
    """Write result.json, trials.parquet, decisions.parquet and figures/, whole or not at all.

    Raises:
        EsimError: the folder holds other things, or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from esim.plots import figures, save

    with whole_folder(folder, _ours) as partial:
        (partial / RESULT).write_text(to_json(document), encoding="utf-8")
        for name, tables in (
            (TRIALS, [_with_study(r, _trial_columns(r)) for r in results]),
            (DECISIONS, [_with_study(r, r.trace()) for r in results]),
        ):
            whole = pa.concat_tables([pa.table(columns) for columns in tables])
            pq.write_table(whole, partial / name, compression="zstd")
        (partial / FIGURES).mkdir()
        slugs = unique_slugs([study.name for study in studies])
        for study, result, slug in zip(studies, results, slugs, strict=True):
            for figure_name, figure in figures(study, result).items():
                save(figure, partial / FIGURES / f"{slug}-{figure_name}")


def write_explanation(folder: Path, explanation: Explanation) -> None:
    """Write explanation.json and its figure, whole or not at all. Raises EsimError."""
    from esim.plots import explain_figure, save

    with whole_folder(folder, _ours) as partial:
        (partial / "explanation.json").write_text(to_json(explanation.to_dict()), encoding="utf-8")
        save(explain_figure(explanation), partial / "explanation")


def write_estimate(folder: Path, estimate: Estimate, document: str) -> None:
    """Write estimate.json and its figures, whole or not at all. Raises EsimError."""
    from esim.plots import estimate_figures, save

    with whole_folder(folder, _ours) as partial:
        (partial / ESTIMATE).write_text(document, encoding="utf-8")
        (partial / FIGURES).mkdir()
        for name, figure in estimate_figures(estimate).items():
            save(figure, partial / FIGURES / name)


def _ours(path: Path) -> bool:
    if path.parent == Path(FIGURES):
        return path.suffix in (".svg", ".png")
    names = (RESULT, TRIALS, DECISIONS, ESTIMATE)
    return str(path) in (*names, *(f"explanation.{end}" for end in ("json", "svg", "png")))


def _trial_columns(result: ReplayResult) -> dict[str, Any]:
    rows = result.columns.rows()
    return {name: [row[name] for row in rows] for name in vars(result.columns)}


def _with_study(result: ReplayResult, columns: Mapping[str, Any]) -> dict[str, Any]:
    length = len(next(iter(columns.values())))
    return {"study": [result.study] * length, **columns}
