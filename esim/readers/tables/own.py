"""Reads studies that `Study.to_parquet` wrote, a folder for each, without any loss.

If only the file of reports is there it is read as a plain table. Histories are not read here.
"""

from __future__ import annotations

from esim.errors import EsimError
from esim.readers.encodings.parquet_tables import check_parquet
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options, chosen_studies, settle_direction, settle_objective
from esim.readers.run_logs import folder_of
from esim.readers.runs import detected, file_notes, objective_note, unused_metric
from esim.readers.source import File, Source
from esim.readers.tables.shape import shape_of
from esim.storage import parquet as storage

FORMAT = Format(
    name="esim",
    summary="Parquet that esim wrote: Study.to_parquet, one folder a study",
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    files="Parquet of Study.to_parquet, a folder a study",
)


def detect(source: Source) -> Detection:
    """Whether there are pairs of Parquet files with esim's record in their schemas' metadata."""
    return detected([file for pair in _pairs(source) for file in pair], "with esim's record")


def read(source: Source, options: Options) -> Found:
    """Read every study.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file is damaged, or no study has the objective or direction asked for.
    """
    pairs = _pairs(source)
    if not pairs:
        raise EsimError(
            "no study stored by esim",
            where=source.label,
            why=f"expected {storage.REPORTS} and {storage.TRIALS}",
        )
    studies = [
        storage.decode(_contents(reports), _contents(trials), str(reports.path.parent))
        for reports, trials in pairs
    ]
    names = tuple(study.name for study in studies)
    wanted = set(chosen_studies(options, names))
    chosen = [study for study in studies if study.name in wanted]
    fitting = [s for s in chosen if options.objective in (None, s.objective)]
    if chosen and not fitting:
        settle_objective(options, list({s.objective: None for s in chosen}), source.label)
    for study in fitting:
        settle_direction(options, source.label, study.direction)
    left_out = [study.name for study in chosen if study not in fitting]
    notes = [
        *file_notes(source, {file for pair in pairs for file in pair}),
        *unused_metric(options),
        *objective_note(left_out),
    ]
    return Found(tuple(fitting), tuple(notes), names)


def _contents(file: File) -> bytes:
    data = file.read()
    check_parquet(data, str(file))
    return data


def _pairs(source: Source) -> list[tuple[File, File]]:
    """The file of reports and the file of trials of each study."""
    found: dict[str, dict[str, File]] = {}
    for base in (storage.REPORTS, storage.TRIALS):
        for file in source.by_base.get(base, []):
            shape = shape_of(file)
            if shape is not None and storage.METADATA_KEY in shape.metadata:
                found.setdefault(folder_of(file), {})[base] = file
    return [(f[storage.REPORTS], f[storage.TRIALS]) for f in found.values() if len(f) == 2]
