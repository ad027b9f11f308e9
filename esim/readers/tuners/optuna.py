"""Reads Optuna's storages: SQLite files, PostgreSQL, MySQL, and journal files.

The tables are read directly, so Optuna need not be installed. All schemas since Optuna 1.0 are read
(`optuna/storages/_rdb/models.py` and its migrations). Before 2.4 intermediate values were in
`trial_values`, directions in `studies`, and NaN was a NULL without a type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import jsontext
from esim.readers.encodings.database import (
    Database,
    floats,
    integers,
    open_address,
    open_databases,
    sqlite_files,
    with_sidecars,
)
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Experiment
from esim.readers.source import File, Source
from esim.readers.tuners import optuna_journal
from esim.readers.tuners.optuna_storages import Stored, joined
from esim.readers.tuners.optuna_trials import (
    DIRECTIONS,
    METRIC_NAMES,
    Trial,
    experiment,
    parameter,
)
from esim.study import Direction

FORMAT = Format(
    name="optuna",
    summary="Optuna's storage: SQLite file, journal file, or postgresql: or mysql: URL",
    schedule=True,
    configs=True,
    several_studies=True,
    files="SQLite or journal file, postgresql:, mysql:",
)

TABLES = ("studies", "trials", "trial_params", "trial_values", "version_info")
UNTYPED: Mapping[str, float] = {"INF_POS": math.inf, "INF_NEG": -math.inf}


def detect(source: Source) -> Detection:
    """Whether there is a SQLite file or a server with Optuna's tables, or a journal file."""
    if source.address is not None:
        if source.address.kind != "database":
            return Detection(False, "")
        with open_address(source.address) as database:
            if all(table in database.tables for table in TABLES):
                return Detection(True, "it has Optuna's tables")
        return Detection(False, "the database lacks Optuna's tables")
    files = sqlite_files(source, *TABLES)
    journals = [file for file in source.files if optuna_journal.is_journal(file)]
    if not files and not journals:
        return Detection(False, "")
    saw = [f"{some([file.name for file in files])} has Optuna's tables"] if files else []
    saw += [f"{some([file.name for file in journals])} is Optuna's journal"] if journals else []
    return Detection(True, "; ".join(saw), claims=with_sidecars(source, files).union(journals))


def read(source: Source, options: Options) -> Found:
    """Read every study of the storage.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there are no tables of Optuna, a database is damaged, or a study has no
            intermediate values.
    """
    found: list[Stored] = []
    used = {file for file in source.files if optuna_journal.is_journal(file)}
    for file in source.files:
        if file in used and not optuna_journal.is_lock(file):
            studies = optuna_journal.experiments(file)
            found += [Stored(str(file), file.folder, study) for study in studies]
    with open_databases(source, *TABLES) as databases:
        for origin, database in databases:
            folder = origin.folder if isinstance(origin, File) else ""
            studies = _experiments(database, options)
            found += [Stored(str(origin), folder, study) for study in studies]
            if isinstance(origin, File):
                used |= with_sidecars(source, [origin])
    if not found and not used and source.address is None:
        raise EsimError("no Optuna storage", where=source.label)
    return runs.studies(joined(found), options, source, runs.file_notes(source, used))


def _experiments(database: Database, options: Options) -> Iterator[Experiment]:
    """The studies of a database; those that the user did not ask for only have their name."""
    for key, name in database.rows("SELECT study_id, study_name FROM studies ORDER BY study_id"):
        # A study may be asked for by its folder and name (`joined`).
        asked = [one for one in options.studies if one == name or one.endswith(f"/{name}")]
        if options.studies and not asked:
            yield Experiment(str(name), (), database.where)
        else:
            yield _experiment(database, key, str(name))


def _experiment(database: Database, key: Any, name: str) -> Experiment:
    where = database.where
    old = database.has("trial_values", "step")
    table = "trial_values" if old else "trial_intermediate_values"
    value = "value" if old else "intermediate_value"
    typed = database.has(table, "intermediate_value_type")
    kind = "intermediate_value_type" if typed else "NULL"
    reports = database.rows(
        f"SELECT v.trial_id, v.step, v.{value}, {kind} FROM {table} v "
        "JOIN trials t ON t.trial_id = v.trial_id WHERE t.study_id = :study "
        "ORDER BY v.trial_id, v.step",
        study=key,
    )
    owners, steps, values, kinds = zip(*reports, strict=True) if reports else ((), (), (), ())
    column = floats(values, where, value)
    for at in np.flatnonzero(np.isnan(column)).tolist():
        column[at] = UNTYPED.get(kinds[at], math.nan)
    owner = integers(owners, where, "trial_id")
    step = integers(steps, where, "step")
    number = "number" if database.has("trials", "number") else "NULL"
    rows = database.rows(
        f"SELECT trial_id, {number}, state, datetime_start, datetime_complete FROM trials "
        "WHERE study_id = :study ORDER BY trial_id",
        study=key,
    )
    finals = _finals(database, key)
    configs = _configs(database, key)
    trials = []
    for position, (trial, stored, state, start, end) in enumerate(rows):
        part = slice(*np.searchsorted(owner, [trial, trial + 1]))
        trials.append(
            Trial(
                number=position if stored is None else stored,
                state=str(state),
                start=start,
                end=end,
                steps=step[part],
                values=column[part],
                final=finals.get(trial),
                config=configs.get(trial, {}),
            )
        )
    return experiment(name, trials, _directions(database, key), _metric_names(database, key), where)


def _directions(database: Database, key: Any) -> list[Direction | None]:
    if "study_directions" in database.tables:
        found = database.rows(
            "SELECT direction FROM study_directions WHERE study_id = :study ORDER BY objective",
            study=key,
        )
    else:
        found = database.rows("SELECT direction FROM studies WHERE study_id = :study", study=key)
    return [DIRECTIONS.get(str(word)) for (word,) in found]


def _metric_names(database: Database, key: Any) -> Any:
    if not database.has("study_system_attributes", "value_json"):
        return None
    found = database.rows(
        # In MySQL `key` is a keyword, unless it stands behind a dot.
        "SELECT a.value_json FROM study_system_attributes a "
        "WHERE a.study_id = :study AND a.key = :key",
        study=key,
        key=METRIC_NAMES,
    )
    return jsontext.parse(str(found[0][0]), database.where) if found else None


def _finals(database: Database, key: Any) -> dict[Any, float]:
    """The final value of each trial of a study that has one."""
    if database.has("trials", "value"):
        rows = database.rows(
            "SELECT trial_id, value, NULL FROM trials WHERE study_id = :study", study=key
        )
    else:
        kind = "v.value_type" if database.has("trial_values", "value_type") else "NULL"
        rows = database.rows(
            f"SELECT v.trial_id, v.value, {kind} FROM trial_values v "
            "JOIN trials t ON t.trial_id = v.trial_id "
            "WHERE t.study_id = :study AND v.objective = 0",
            study=key,
        )
    found = {}
    for trial, value, kind in rows:
        if value is not None or kind in UNTYPED:
            found[trial] = UNTYPED[kind] if value is None else float(value)
    return found


def _configs(database: Database, key: Any) -> dict[Any, dict[str, Any]]:
    """The hyperparameters of each trial of a study."""
    seen: dict[str, Any] = {}
    found: dict[Any, dict[str, Any]] = {}
    for trial, name, internal, distribution in database.rows(
        "SELECT p.trial_id, p.param_name, p.param_value, p.distribution_json FROM trial_params p "
        "JOIN trials t ON t.trial_id = p.trial_id WHERE t.study_id = :study ORDER BY p.param_id",
        study=key,
    ):
        value = parameter(internal, str(distribution), seen, f"{database.where}, trial_params")
        found.setdefault(trial, {})[str(name)] = value
    return found
