"""What the jobs say of each question, and which rules left they cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.identify.accounts import Accounts
from esim.analyses.identify.standing import Standing
from esim.results.identification import Alike, Answer, NamedCandidate, OpenQuestion
from esim.rules.candidates import Candidate, answers, asked
from esim.rules.readings import QUESTIONS

SHOWN = 3  # jobs that are told of one candidate


def questions(
    stands: Standing, candidates: Sequence[Candidate], accounts: Accounts
) -> Iterator[OpenQuestion]:
    """What the jobs say of each question that the candidates answer; none if they answer none."""
    if not candidates[0].codes:
        return
    place = {one.codes: at for at, one in enumerate(candidates)}
    codes = np.array([one.codes for one in candidates])
    left = np.zeros(len(candidates), dtype=np.bool_)
    left[stands.left] = True
    reference = simplest(stands, candidates)
    texts = {question.letter: question for question in QUESTIONS}
    for column, letter in enumerate(asked(parents=len(candidates[0].codes) == len(QUESTIONS))):
        question = texts[letter]
        rows = []
        for code, reading in answers(letter).items():
            its = codes[:, column] == code
            if not its.any():
                continue
            fell = None if left[its].any() else int(stands.fell[its].max())
            evidence = None
            if fell is not None:
                best = _best_with(code, column, stands, candidates, reference, place, codes)
                evidence = next(accounts.against(best, 1), None)
            rows.append(Answer(code, reading, int(its.sum()), int(left[its].sum()), fell, evidence))
        if len(rows) < 2:
            continue  # the candidates ask nothing here
        standing = [row.code for row in rows if row.left]
        is_open = len(standing) > 1
        yield OpenQuestion(
            letter=letter,
            question=question.text,
            settled=standing[0] if len(standing) == 1 else None,
            why=_why(column, standing, stands, candidates, reference, place) if is_open else "",
            told_by=question.told_by if is_open else "",
            answers=tuple(rows),
        )


def simplest(stands: Standing, candidates: Sequence[Candidate]) -> int:
    """The candidate left with the fewest misses, of those the least unlike the literal reading.

    The first of all if none is left.
    """
    left = stands.left.tolist()
    return min(left, key=lambda at: (stands.misses[at], _differs(candidates[at]), at), default=0)


def _differs(candidate: Candidate) -> int:
    return sum(not code.endswith("1") for code in candidate.codes)


def _swapped(candidate: Candidate, column: int, code: str) -> tuple[str, ...]:
    """The codes of a candidate with one question answered in another way.

    A reading that answers several questions takes the place of all their answers, and is given up
    for the literal ones.
    """
    letters = code.rstrip("0123456789")
    before = candidate.codes[column].rstrip("0123456789")
    found = []
    for at, (own, letter) in enumerate(zip(candidate.codes, asked(parents=True), strict=False)):
        if letter in letters:
            found.append(code)
        elif letter in before and at != column:
            found.append(f"{letter}1")
        else:
            found.append(own)
    return tuple(found)


def _best_with(
    code: str,
    column: int,
    stands: Standing,
    candidates: Sequence[Candidate],
    reference: int,
    place: dict[tuple[str, ...], int],
    codes: np.ndarray,
) -> int:
    """The fallen candidate of a reading whose fall tells most.

    It is the one that differs from the simplest rule left in this alone; if none is left, the one
    with the fewest misses.
    """
    other = place.get(_swapped(candidates[reference], column, code))
    if other is not None and len(stands.left):
        return other
    its = np.flatnonzero(codes[:, column] == code)
    return int(its[stands.misses[its].argmin()])


def _why(
    column: int,
    standing: Sequence[str],
    stands: Standing,
    candidates: Sequence[Candidate],
    reference: int,
    place: dict[tuple[str, ...], int],
) -> str:
    """Why the readings left of a question cannot be told apart."""
    own = candidates[reference].codes[column]
    others = {code: place.get(_swapped(candidates[reference], column, code)) for code in standing}
    alike, differ, missed, joint = [], [], [], []
    for code, other in others.items():
        if code == own:
            continue
        if other is None or stands.fell[other]:
            joint.append(code)
        elif all((h.told[other] == h.told[reference])[h.scene.told].all() for h in stands.held):
            alike.append(code)
        elif stands.misses[other]:
            missed.append(code)
        else:
            differ.append(code)
    found = []
    if alike:
        found.append(f"{_list(alike, 'decide')} as {own} does at every report of these jobs")
    if differ:
        found.append(
            f"{_list(differ, 'decide')} otherwise than {own}, but nowhere where it could be seen"
        )
    if missed:
        found.append(f"{_list(missed, 'miss')} no more jobs than may go wrong")
    if joint:
        found.append(f"{_list(joint, 'stay')} only together with other readings")
    return "; ".join(found)


def _list(codes: Sequence[str], verb: str) -> str:
    """The codes with what they do: one decides, two decide; one misses, two miss."""
    one = f"{verb}es" if verb.endswith("s") else f"{verb}s"
    return f"{', '.join(codes)} {one if len(codes) == 1 else verb}"


def named(
    stands: Standing, candidates: Sequence[Candidate], accounts: Accounts
) -> Iterator[NamedCandidate]:
    """The literal reading, or all candidates where they are no readings."""
    for at in range(1) if candidates[0].codes else range(len(candidates)):
        yield NamedCandidate(
            name=candidates[at].name,
            misses=int(stands.misses[at]),
            jobs=int(stands.jobs[at]),
            left=not stands.fell[at],
            fell=int(stands.fell[at]) or None,
            evidence=tuple(accounts.against(at, SHOWN)),
        )


def classes(stands: Standing, candidates: Sequence[Candidate]) -> tuple[Alike, ...]:
    """The candidates left, those together that first say stop at the same reports of every job."""
    left = stands.left
    if not len(left):
        return ()
    parts = [held.told[left][:, held.scene.told] for held in stands.held]
    told = np.concatenate([*parts, stands.jobs[left, None].astype(np.int32)], axis=1)
    _, which = np.unique(told, axis=0, return_inverse=True)
    found = []
    for number in range(int(which.max()) + 1):
        members = left[which.reshape(-1) == number]
        best = min(members.tolist(), key=lambda at: (_differs(candidates[at]), at))
        found.append(Alike(len(members), candidates[best].name, _varies(candidates, members)))
    return tuple(sorted(found, key=lambda one: -one.candidates))


def _varies(candidates: Sequence[Candidate], members: np.ndarray) -> tuple[str, ...]:
    """The readings among some candidates, for each question on which they do not agree."""
    codes = [candidates[at].codes for at in members.tolist()]
    if not codes[0]:
        return (", ".join(candidates[at].name for at in members.tolist()),)
    each = (sorted(set(column)) for column in zip(*codes, strict=True))
    return tuple("/".join(ones) for ones in each if len(ones) > 1)
