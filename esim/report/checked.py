"""What a check found, in sentences."""

from __future__ import annotations

from esim.report.words import clean, count, plural
from esim.results.check import Check, CheckDocument

_LONGEST = 2000  # characters of a sentence


def verdict_sentence(check: Check) -> str:
    """The verdict on a study as a sentence of its own."""
    told = clean(check.verdict, _LONGEST)
    return f"{told[:1].upper()}{told[1:]}."


def checks_answer(document: CheckDocument) -> str:
    """In how many studies AUTO would act, and how many have errors and warnings."""
    t = document.totals
    told = [f"AUTO would act in {_of(t.auto_acts, t.studies)}"]
    if t.auto_stops_none:
        told.append(f"it would stop no job in {count(t.auto_stops_none)}")
    if t.auto_unknown:
        told.append(f"of {count(t.auto_unknown)} the logs cannot tell")
    faulty = t.studies - t.studies_ok
    errors = f"{plural(faulty, 'study')} with errors" if faulty else "no study with errors"
    warned = (
        f"{count(t.studies_warned)} with warnings" if t.studies_warned else "none with warnings"
    )
    return f"{'; '.join(told)}. {errors[:1].upper()}{errors[1:]}, {warned}."


def checks_in_short(document: CheckDocument) -> tuple[str, ...]:
    """Whether AUTO would act, whether the logs can be trusted, and what to do next."""
    t = document.totals
    if not document.studies:
        return ()
    several = t.studies > 1
    told = checks_answer(document) if several else verdict_sentence(document.studies[0])
    one = "esim check LOGS --study NAME shows every finding of one study; " if several else ""
    if t.errors:
        return told, f"Next: {one}see to the {plural(t.errors, 'error')} above."
    if t.auto_acts:
        return told, f"Next: {one}esim replay LOGS tells what it would have saved, and lost."
    if t.auto_stops_none:
        return told, f"Next: {one}esim compare LOGS looks for a rule that saves something."
    return told, f"Next: {one}see to the {plural(t.warnings, 'warning')} above."


def _of(n: int, of: int) -> str:
    if n == of > 1:
        return f"all {count(of)} studies"
    return f"{count(n)} of {plural(of, 'study')}"
