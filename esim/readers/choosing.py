"""Chooses the format of an input: exactly one must recognise it, or the error says which did.

Of several inputs it also settles which make sense only together, and which are no logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esim.errors import EsimError, near_names, plural
from esim.readers.asides import is_aside
from esim.readers.formats import Detection, Format
from esim.readers.opening import union
from esim.readers.options import Options
from esim.readers.plugins import broken_note, installed, known_formats
from esim.readers.source import Source
from esim.study import Note

NO_OPTIONS = Options()


class NoFormatError(EsimError):
    """No format recognises an input, or it has no files."""


def format_named(name: str) -> Format:
    """The format of a name.

    Args:
        name: its name for --format.

    Raises:
        EsimError: there is none; the error lists near names.
    """
    formats = {fmt.name: fmt for fmt in known_formats()}
    if name not in formats:
        unusable = [note.text for note in installed()[1]]
        raise EsimError(
            f"no format {name!r}",
            why="; ".join(unusable) or None,
            fix=f"one of: {near_names(name, formats)}",
        )
    return formats[name]


def choose_format(
    source: Source,
    name: str | None = None,
    broken: list[Note] | None = None,
    options: Options = NO_OPTIONS,
) -> Format:
    """The format of a name, or the only format that recognises the input.

    A format that does not take an option on columns that the user gives is not asked, and a weak
    or hidden match (`Detection`) counts only if there is no other.

    Args:
        source: the input.
        name: a format's name; None asks all formats.
        broken: notes on plug-ins that failed are added here.
        options: what the user asked for; with the regex of a metric any text is a log.

    Raises:
        NoFormatError: none recognises the input; the error says what each saw.
        EsimError: there is no format of this name (the error lists near names) or it does not take
            an option, or several recognise the input.
    """
    if name is not None:
        fmt = format_named(name)
        if fmt.lacks(options):
            raise not_taken(source, fmt, options)
        return fmt
    formats = known_formats()
    if not source.files and not source.hidden and source.address is None:
        skipped = f", {len(source.skipped)} hidden or left over" if source.skipped else ""
        linked = (
            f", {plural(len(source.linked), 'linked folder')} not followed" if source.linked else ""
        )
        raise NoFormatError(
            "no files to read",
            where=source.label,
            why=f"the folder is empty{skipped}{linked}",
            fix=f"give {source.linked[0]} itself" if source.linked else None,
        )
    seen: list[tuple[Format, Detection]] = []
    rest = source
    lacking = [fmt for fmt in formats if fmt.lacks(options)]
    for fmt in sorted((f for f in formats if f not in lacking), key=lambda fmt: fmt.asked_late):
        detection = fmt.detect(rest)
        seen.append((fmt, detection))
        if detection.broken and broken is not None:
            broken.append(broken_note(fmt.name, fmt.package, detection.broken))
        yields = detection.weak or detection.doubtful or detection.hidden
        strong = detection.matches and not yields
        if detection.claims or (strong and not rest.matched):
            rest = rest.without(detection.claims, matched=strong)
        if detection.claims and not rest.files and not rest.hidden:
            break
    places = {id(fmt): place for place, fmt in enumerate(formats)}
    seen.sort(key=lambda pair: places[id(pair[0])])
    matching = [(fmt, detection) for fmt, detection in seen if detection.matches]
    for least in ("doubtful", "hidden", "weak"):
        matching = [pair for pair in matching if not getattr(pair[1], least)] or matching
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
    raise NoFormatError(
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


@dataclass(frozen=True)
class Chosen:
    """What is to be done with each input.

    Attributes:
        read: the inputs to read, each with its format.
        refused: the inputs whose format is not known, each with the reason. Files without a format
            are inputs of their own.
    """

    read: list[tuple[Source, Format]]
    refused: list[tuple[Source, EsimError]]


def choose_each(
    sources: Sequence[Source], name: str | None, broken: list[Note], options: Options
) -> Chosen:
    """The format of each input; inputs that make sense only together are joined into one.

    Args:
        sources: the inputs.
        name, broken, options: as for `choose_format`.

    Raises:
        EsimError: no input is recognised, not even all of them as one.
    """
    others, asides = _without_asides(sources)
    chosen = _settled(others, name, broken, options) if asides else Chosen([], [])
    if chosen.read:
        why = "such a file is read only where nothing else can be"
        for source in asides:
            error = NoFormatError("no log, by its name", where=source.label, why=why)
            chosen.refused.append((source, error))
        return _joined(chosen if name else _surely(chosen))
    if len(sources) == 1:
        return Chosen([(sources[0], choose_format(sources[0], name, broken, options))], [])
    chosen = _settled(sources, name, broken, options)
    if chosen.read:
        return _joined(chosen if name else _surely(chosen))
    first = chosen.refused[0][1]
    if any(source.address for source in sources):
        raise first
    whole = union(sources)
    try:
        return Chosen([(whole, choose_format(whole, name, broken, options))], [])
    except NoFormatError:
        raise first from None


def _without_asides(sources: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """The inputs without the files that were given and by their names are no logs; and those."""
    others: list[Source] = []
    asides: list[Source] = []
    for source in sources:
        given = {file.root: file for file in source.files if file.path == file.root}
        names = {root for root, file in given.items() if is_aside(file.base)}
        asides += [Source((root,), (given[root],)) for root in given if root in names]
        roots = tuple(root for root in source.roots if root not in names)
        kept = tuple(file for file in source.files if file.root not in names)
        if roots:
            less = Source(roots, kept, source.skipped, source.hidden, linked=source.linked)
            others.append(less if names else source)
    return others, asides


def _settled(
    sources: Sequence[Source], name: str | None, broken: list[Note], options: Options
) -> Chosen:
    """The format of each input by itself; files without a format become inputs of their own."""
    chosen = Chosen([], [])
    waiting = list(sources)
    while waiting:
        source = waiting.pop(0)
        try:
            chosen.read.append((source, choose_format(source, name, broken, options)))
        except EsimError as error:
            if isinstance(error, NoFormatError) and len(source.roots) > 1:
                waiting[:0] = [Source((file.root,), (file,)) for file in source.files]
            else:
                chosen.refused.append((source, error))
    return chosen


def _surely(chosen: Chosen) -> Chosen:
    """The inputs without files that are recognised weakly, where folders are surely."""
    sure = [(source, fmt) for source, fmt in chosen.read if not fmt.detect(source).weak]
    weak = [(source, fmt) for source, fmt in chosen.read if fmt.detect(source).weak]
    folders = any(file.path != file.root for source, _ in sure for file in source.files)
    if not folders or any(file.path != file.root for source, _ in weak for file in source.files):
        return chosen
    refused = list(chosen.refused)
    for source, fmt in weak:
        for one in (Source((file.root,), (file,)) for file in source.files):
            detection = fmt.detect(one)
            what = f"recognised as {fmt.name} by its columns alone"
            if not detection.matches:
                what = "no format matches"
            fix = f"give it alone, or say --format {fmt.name}"
            refused.append((one, NoFormatError(what, where=one.label, why=detection.saw, fix=fix)))
    return Chosen(sure, refused)


def _joined(chosen: Chosen) -> Chosen:
    """The inputs, those joined that make sense only together.

    One path may hold the description of a tuning job and another one its logs. An input that no
    format recognises joins only those that need it, so that a file that is no log and lies beside
    studies does not make a single one of them.
    """
    complete = [fmt.detect(source).complete for source, fmt in chosen.read]
    one: dict[str, list[Source]] = {}  # format -> its inputs that are one, the others behind them
    if len({fmt.name for _, fmt in chosen.read}) == 1 and any(complete) and not all(complete):
        one[chosen.read[0][1].name] = [source for source, _ in chosen.read]
    refused = []
    for other, error in chosen.refused:
        needing = [(source, fmt) for source, fmt in chosen.read if fmt.joins(source, other)]
        for source, fmt in needing:
            one.setdefault(fmt.name, []).append(source)
        if needing:
            one[needing[0][1].name].append(other)
        else:
            refused.append((other, error))
    read: list[tuple[Source, Format]] = []
    for source, fmt in chosen.read:
        members = list(dict.fromkeys(one.get(fmt.name, ())))
        if source not in members:
            read.append((source, fmt))
        elif source is members[0]:
            read.append((union(members), fmt))
    return Chosen(read, refused)
