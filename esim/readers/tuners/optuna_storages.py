"""Decides which studies the storages of an input hold, where several hold one of the same name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.run_logs import run_names
from esim.readers.runs import Experiment
from esim.study import Note


@dataclass(frozen=True)
class Stored:
    """A study in one of the storages of an input.

    Attributes:
        storage: the path or address of the storage.
        folder: its folder below the input, "" directly in it.
        study: the study as an experiment.
    """

    storage: str
    folder: str
    study: Experiment


def joined(found: Sequence[Stored]) -> list[Experiment]:
    """Experiments of which no two have the same name.

    Worker processes that each keep a storage of their own number their trials from 0. Storages of
    one folder that hold a study of the same name and share no trial are such workers' and one
    study; its trials are named after storage and number, and launched in the order of their starts.
    Those of several folders are studies of their own. A storage whose trials are all in another one
    is an earlier copy of it and is left out.

    Args:
        found: the studies of all storages.

    Raises:
        EsimError: two studies of one name differ in direction or metric, or share some trials only.
    """
    groups: dict[str, list[Stored]] = {}
    for one in found:
        groups.setdefault(one.study.name, []).append(one)
    return [study for group in groups.values() for study in _settled(group)]


def _settled(group: Sequence[Stored]) -> list[Experiment]:
    """The experiments that the storages of one study's name are."""
    if len(group) == 1:
        return [group[0].study]
    kept, notes = _without_copies(group)
    folders: dict[str, list[Stored]] = {}
    for one in kept:
        folders.setdefault(one.folder, []).append(one)
    if len(folders) > 1:
        text = (
            f"{len(folders)} folders hold a study {group[0].study.name!r}: read as studies of "
            "their own; give the storages in place of the folder to read them as one"
        )
        notes.append(Note("studies_by_folder", text, len(folders)))
    made = []
    for folder, own in folders.items():
        whole = _joined(own) if len(own) > 1 else own[0].study
        name = f"{folder}/{whole.name}" if folder and len(folders) > 1 else whole.name
        made.append(replace(whole, name=name, notes=(*whole.notes, *notes)))
    return made


def _joined(parts: Sequence[Stored]) -> Experiment:
    """The study that workers kept in several storages."""
    first = parts[0].study
    for other in parts[1:]:
        own, theirs = first.direction, other.study.direction
        if (theirs, other.study.objective) != (own, first.objective):
            raise EsimError(
                f"study {first.name!r} of two storages is not the same",
                where=f"{parts[0].storage} and {other.storage}",
                why=f"{first.objective} {own}, {other.study.objective} {theirs}",
                fix="read them one at a time",
            )
    names = run_names([one.storage for one in parts], "storage")
    named = list(zip(names, (one.study for one in parts), strict=True))
    made = [replace(run, trial=f"{name}/{run.trial}") for name, one in named for run in one.runs]
    text = (
        f"{len(parts)} storages hold a study {first.name!r} and share no trial: read as one study "
        f"of {len(made)} trials, each named after its storage: {some(names)}"
    )
    said = [
        note
        if all(note in other.notes for _, other in named)
        else replace(note, text=f"{name}: {note.text}")
        for name, one in named
        for note in one.notes
    ]
    return replace(
        first,
        runs=made,
        where=f"{first.where} and {len(parts) - 1} more",
        notes=(*dict.fromkeys(said), Note("storages_joined", text, len(parts))),
    )


def _without_copies(group: Sequence[Stored]) -> tuple[list[Stored], list[Note]]:
    """The storages of a study without those that are earlier copies, and a note on these."""
    trials = {one.storage: _identities(one.study) for one in group}
    kept: list[Stored] = []
    copies = []
    for one in sorted(group, key=lambda one: len(trials[one.storage]), reverse=True):
        own = trials[one.storage]
        other = next((other for other in kept if own & trials[other.storage]), None)
        if other is None:
            kept.append(one)
        elif own <= trials[other.storage]:
            copies.append(f"{one.storage} (of {other.storage})")
        else:
            shared = len(own & trials[other.storage])
            raise EsimError(
                f"study {one.study.name!r} is found twice",
                where=f"{other.storage} and {one.storage}",
                why=f"they share {plural(shared, 'trial')} and each has others of its own",
                fix="give one of the two",
            )
    if not copies:
        return list(group), []
    text = f"{plural(len(copies), 'storage')} left out, as an earlier copy: {some(copies)}"
    note = Note("storage_copies", text, len(copies))
    stays = {one.storage for one in kept}
    return [one for one in group if one.storage in stays], [note]


def _identities(study: Experiment) -> set[tuple[str, float]]:
    """What tells the trials that have started from those of other storages: number and start."""
    return {(run.trial, run.start) for run in study.runs if not math.isnan(run.start)}
