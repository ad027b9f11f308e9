"""The studies that a command is about, and what its result document tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from esim.cli.flags import EngineFlags
    from esim.cli.read_flags import ReadFlags
    from esim.readers.inputs import ReadInput
    from esim.storage.history import History
    from esim.study import Study


def read_or_open(logs: list[str], reading: ReadFlags, engine: EngineFlags) -> ReadInput | History:
    """The studies in the logs, or a history whose studies are to be gone through one by one."""
    history = reading.history(logs, engine.given)
    check_engine_used(history, **{name: v for name, v in vars(engine).items() if name != "jobs"})
    return reading.read(logs) if history is None else history


def studies_of(found: ReadInput | History) -> tuple[Study, ...] | History:
    """The studies read, or the history itself."""
    from esim.readers.inputs import ReadInput

    return found.studies if isinstance(found, ReadInput) else found


def check_engine_used(history: History | None, **flags: Any) -> None:
    """Refuse flags of engines where there is no history to go through one by one."""
    if history is None and any(flags.values()):
        names = [f"--{name}" for name in flags]
        raise typer.BadParameter(
            f"{', '.join(names[:-1])} and {names[-1]} are for what esim convert wrote"
        )


def described(found: ReadInput | History) -> list[dict[str, Any]]:
    """What was read, for the result document; a study's notes stand with its first input."""
    from esim.readers.inputs import ReadInput

    if not isinstance(found, ReadInput):
        return [
            {
                "path": str(found.location),
                "sha256": found.sha256,
                "format": "history",
                "notes": [vars(note) for note in found.notes],
            }
        ]
    inputs = []
    told: set[str] = set()
    for source in found.inputs:
        notes = [vars(note) for note in source.notes]
        for study in found.studies:
            if study.name in source.studies and study.name not in told:
                told.add(study.name)
                notes += [{**vars(note), "study": study.name} for note in study.notes]
        inputs.append(
            {
                "path": source.path,
                "sha256": source.sha256,
                "format": source.format,
                "notes": notes,
            }
        )
    return inputs


def ran_without_rule(found: ReadInput) -> set[str]:
    """The names of the SageMaker tuning jobs whose description says that early stopping was off.

    Of logs alone nothing says so; they have no stopped job either.
    """
    names = {name for i in found.inputs if i.format == "sagemaker" for name in i.studies}
    return {
        study.name
        for study in found.studies
        if study.name in names and all(note.code != "auto_was_on" for note in study.notes)
    }


def sagemaker_studies(found: ReadInput | History) -> dict[str, Study]:
    """The SageMaker tuning jobs that ran without AUTO and could run with it, by name.

    None of a history, which does not keep what its studies were read from.
    """
    from esim.analyses.check import GRADES
    from esim.readers.inputs import ReadInput

    if not isinstance(found, ReadInput):
        return {}
    names = {name for i in found.inputs if i.format == "sagemaker" for name in i.studies}
    barred = {
        "auto_was_on",
        *(code for code, (severity, _) in GRADES.items() if severity == "error"),
    }
    return {
        study.name: study
        for study in found.studies
        if study.name in names and not barred & {note.code for note in study.notes}
    }
