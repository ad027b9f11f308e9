"""The folder of --out: the result document, its tables and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esim.folders import unique_slugs, whole_folder
from esim.results import ReplayResult, to_json
from esim.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from esim.comparison import Comparison
    from esim.explain import Explanation

RESULT, TRIALS, DECISIONS, FIGURES = "result.json", "trials.parquet", "decisions.parquet", "figures"
_RUNS = ("=", "+", "-", "@", "\t", "\r")
COMPARED = ("rules", "studies", "workers")


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


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write result.json, the tables as Parquet and CSV, and figures/, whole or not at all.

    Raises:
        EsimError: the folder holds other things, or cannot be written.
    """
    from esim.plots import comparison_figures, save

    with whole_folder(folder, _ours) as partial:
        (partial / RESULT).write_text(comparison.to_json(), encoding="utf-8")
        frames = (comparison.table, comparison.by_study, comparison.by_workers)
        for name, frame in zip(COMPARED, frames, strict=True):
            frame.to_parquet(partial / f"{name}.parquet", compression="zstd", index=False)
            _inert(frame).to_csv(partial / f"{name}.csv", index=False)
        (partial / FIGURES).mkdir()
        for name, figure in comparison_figures(comparison).items():
            save(figure, partial / FIGURES / name)


def write_explanation(folder: Path, explanation: Explanation) -> None:
    """Write explanation.json and its figure, whole or not at all. Raises EsimError."""
    from esim.plots import explain_figure, save

    with whole_folder(folder, _ours) as partial:
        (partial / "explanation.json").write_text(to_json(explanation.to_dict()), encoding="utf-8")
        save(explain_figure(explanation), partial / "explanation")


def _ours(path: Path) -> bool:
    if path.parent == Path(FIGURES):
        return path.suffix in (".svg", ".png")
    names = [RESULT, TRIALS, DECISIONS]
    names += [f"explanation.{end}" for end in ("json", "svg", "png")]
    names += [f"{table}.{end}" for table in COMPARED for end in ("parquet", "csv")]
    return str(path) in names


def _inert(frame: pd.DataFrame) -> pd.DataFrame:
    """Text that a spreadsheet would run as a formula gets a quote before it."""
    return frame.map(
        lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(_RUNS) else cell
    )


def _trial_columns(result: ReplayResult) -> dict[str, Any]:
    rows = result.columns.rows()
    return {name: [row[name] for row in rows] for name in vars(result.columns)}


def _with_study(result: ReplayResult, columns: Mapping[str, Any]) -> dict[str, Any]:
    length = len(next(iter(columns.values())))
    return {"study": [result.study] * length, **columns}
