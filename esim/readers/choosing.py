"""Chooses the format of an input: exactly one must recognise it, or the error says which did."""

from __future__ import annotations

from esim.errors import EsimError, near_names
from esim.readers.formats import Detection, Format
from esim.readers.options import Options
from esim.readers.plugins import broken_note, installed, known_formats
from esim.readers.source import Source
from esim.study import Note

NO_OPTIONS = Options()


def choose_format(
    source: Source,
    name: str | None = None,
    broken: list[Note] | None = None,
    options: Options = NO_OPTIONS,
) -> Format:
    """The format of a name, or the only format that recognises the input.

    A format that does not take an option on columns that the user gives is not asked, and a weak
    match (`Detection.weak`) counts only if there is no other.

    Args:
        source: the input.
        name: a format's name; None asks all formats.
        broken: notes on plug-ins that failed are added here.
        options: what the user asked for; with the regex of a metric any text is a log.

    Raises:
        EsimError: there is no format of this name (the error lists near names) or it does not take
            an option, none recognises the input (it says what each saw), or several do.
    """
    formats = known_formats()
    if name is not None:
        for fmt in formats:
            if fmt.name == name:
                if fmt.lacks(options):
                    raise not_taken(source, fmt, options)
                return fmt
        unusable = [note.text for note in installed()[1]]
        raise EsimError(
            f"no format {name!r}",
            why="; ".join(unusable) or None,
            fix=f"one of: {near_names(name, [f.name for f in formats])}",
        )
    if not source.files and source.address is None:
        skipped = f", {len(source.skipped)} hidden or left over" if source.skipped else ""
        raise EsimError("no files to read", where=source.label, why=f"the folder is empty{skipped}")
    seen: list[tuple[Format, Detection]] = []
    rest = source
    lacking = [fmt for fmt in formats if fmt.lacks(options)]
    for fmt in sorted((f for f in formats if f not in lacking), key=lambda fmt: fmt.asked_late):
        detection = fmt.detect(rest)
        seen.append((fmt, detection))
        if detection.broken and broken is not None:
            broken.append(broken_note(fmt.name, fmt.package, detection.broken))
        strong = detection.matches and not detection.weak
        if detection.claims or (strong and not rest.matched):
            rest = rest.without(detection.claims, matched=strong)
        if detection.claims and not rest.files:
            break
    seen.sort(key=lambda pair: formats.index(pair[0]))
    matching = [(fmt, detection) for fmt, detection in seen if detection.matches]
    matching = [pair for pair in matching if not pair[1].weak] or matching
    if len(matching) == 1:
        return matching[0][0]
    if matching:
        raise EsimError(
            "mixed formats: " + " and ".join(fmt.name for fmt, _ in matching) + " match",
            where=source.label,
            why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in matching),
            fix="give the part you mean, or --format " + matching[0][0].name,
        )
    readers_of_text = [fmt for fmt in formats if fmt.any_text]
    if options.metrics and readers_of_text:
        return readers_of_text[0]
    of_tables = [fmt for fmt in formats if "trial" in (fmt.takes or ()) and fmt not in lacking]
    if options.of_tables and of_tables:  # columns that the user names need no name that is known
        return of_tables[0]
    for fmt in lacking:
        if fmt.detect(source).matches:
            raise not_taken(source, fmt, options)
    try_next = [detection.try_next for _, detection in seen if detection.try_next]
    raise EsimError(
        "no format matches",
        where=source.label,
        why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in seen if detection.saw),
        fix=try_next[0]
        if try_next
        else "`esim formats` lists what can be read; --format NAME says why one does not fit",
    )


def not_taken(source: Source, fmt: Format, options: Options) -> EsimError:
    """The error that a format does not take an option that the user gives."""
    name = fmt.lacks(options)[0]
    takes = " and ".join(f"--{option}" for option in fmt.takes or ()) or "none of these options"
    return EsimError(
        f"--{name} {options.of_tables[name]} is not for logs of the format {fmt.name}",
        where=source.label,
        why=f"it takes {takes}",
        fix=f"leave --{name} out",
    )
