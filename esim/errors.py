"""The one error esim raises for input it cannot use, and text from outside made harmless."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Characters that nobody sees and that a terminal or a page obeys: C1 controls, invisible and
# bidirectional formatting, separators of lines, tags; and lone surrogates, which no file can hold.
HIDDEN = (
    "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e0fff\ud800-\udfff"
)
_HARMFUL = re.compile(f"[\x00-\x1f{HIDDEN}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST = 2000  # characters of each part of an error
_FLAG = re.compile(r"""(?<![\w-])--(?P<flag>[a-z][a-z-]*)(?:[ ](?P<value>'[^']*'|[\w./:+=-]+))?""")
_NO_VALUE = frozenset(
    ("and", "for", "if", "is", "names", "of", "or", "out", "takes", "that", "to", "with")
)
_OF_ONE = {"are": "is", "have": "has", "were": "was", "do": "does"}
_SAID_FROM = 200  # characters; what is cut longer than this says how much is missing


class EsimError(ValueError):
    """Input that cannot be used: what is wrong, where, why, and what would work.

    As text each part is harmless (`visible`) and not too long; the attributes are as they were
    given.

    Attributes:
        what: the fault in one sentence.
        where: ``path:line``, a path, or the name of a column or parameter; None if it has no place.
        why: the evidence or the reason, None if `what` says it all.
        fix: what would work, None if nothing would.

    Example:
        >>> import esim
        >>> try:
        ...     esim.rule("ray-medan")
        ... except esim.EsimError as error:
        ...     print(error.what)
        no rule named 'ray-medan'
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{clean(self.where, _LONGEST)}: " if self.where else ""
        lines = [head + _lines(self.what)]
        if self.why:
            lines.append(f"  why: {_lines(self.why)}")
        if self.fix:
            lines.append(f"  fix: {_lines(self.fix)}")
        return "\n".join(lines)


class BugError(EsimError):
    """What a reader did not foresee in its input: a bug, said as one; its cause has the trace."""


@contextmanager
def bugs(where: str) -> Iterator[None]:
    """Makes a `BugError` of an exception that the code inside does not foresee.

    Inputs that a reader foresees are refused with an `EsimError`, which passes. What is left is
    told as a bug, with its place in the code, so that one odd file among thousands ends neither in
    a traceback nor unseen. Errors of the system, of memory and of the user's keyboard pass too.

    Args:
        where: what was being read.
    """
    try:
        yield
    except (EsimError, MemoryError, OSError):
        raise
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "esim" in f.filename]
        place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "?"
        raise BugError(
            f"a bug in what reads it: {type(error).__name__}: {error}",
            where=where,
            why=f"its reader did not foresee what it found, in {place}",
            fix="report it, with the file if you can share it; leave the file out till then",
        ) from error


@contextmanager
def within(where: str) -> Iterator[None]:
    """Puts a place before that of an error raised inside: a file before the study it holds."""
    try:
        yield
    except EsimError as error:
        place = f"{where}, {error.where}" if error.where else where
        raise EsimError(error.what, where=place, why=error.why, fix=error.fix) from None


@contextmanager
def naming_arguments(names: Mapping[str, str]) -> Iterator[None]:
    """Errors inside name arguments of a function of Python in the place of flags.

    A whole command, such as `esim replay LOGS --metric ...`, stays as it is.

    Args:
        names: flag without its dashes -> argument; "metrics[]" takes a list.

    Example:
        >>> with naming_arguments({"direction": "direction"}):
        ...     raise EsimError("unknown", fix="--direction minimize, or --direction maximize")
        Traceback (most recent call last):
        esim.errors.EsimError: unknown
          fix: direction="minimize", or direction="maximize"
    """

    def renamed(found: re.Match[str]) -> str:
        name, value = names.get(found["flag"]), found["value"]
        if name is None:
            return found[0]
        plain = name.removesuffix("[]")
        if value is None or value in _NO_VALUE:
            return f"{plain}{'' if value is None else f' {value}'}"
        quoted = value if value[0] in "'\"" else f'"{value}"'
        return f"{plain}={quoted if plain == name else f'[{quoted}]'}"

    def spelled(text: str | None) -> str | None:
        return text if text is None or "esim " in text else _FLAG.sub(renamed, text)

    try:
        yield
    except EsimError as error:
        told = [spelled(text) for text in (error.what, error.where, error.why, error.fix)]
        what, error.where, error.why, error.fix = told
        error.what = what or ""
        error.args = (str(error),)
        raise


def visible(text: str) -> str:
    """Text from outside with every harmful character written out, such as \\x1b or \\u202e.

    These are controls, which a terminal obeys, characters that turn or hide what stands around
    them, ends of lines, and lone surrogates, which a name that is no Unicode text has.
    """
    return text if text.isprintable() else _HARMFUL.sub(_written_out, text)


def plural(n: int, word: str, verb: str = "") -> str:
    """A number of things, and what they do.

    Args:
        n: how many.
        word: for one of them.
        verb: for several of them; see `agree`.

    Example:
        >>> plural(1, "trial"), plural(1200, "trial"), plural(3, "study"), plural(1, "row", "end")
        ('1 trial', '1,200 trials', '3 studies', '1 row ends')
    """
    ending = f" {agree(n, verb)}" if verb else ""
    if n == 1:
        return f"1 {word}{ending}"
    many = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{n:,} {many}{ending}"


def agree(n: int, verb: str) -> str:
    """A verb for so many: "are" and "repeat" are "is" and "repeats" of one.

    Example:
        >>> agree(1, "are"), agree(2, "are"), agree(1, "match"), agree(1, "end")
        ('is', 'are', 'matches', 'ends')
    """
    if n != 1:
        return verb
    ending = "es" if verb.endswith(("ch", "sh", "s", "x")) else "s"
    return _OF_ONE.get(verb, f"{verb}{ending}")


def some_of(n: int, of: int, word: str, verb: str) -> str:
    """How many of some things do something.

    Example:
        >>> some_of(1, 7, "job", "fail"), some_of(7, 7, "job", "fail"), some_of(1, 1, "job", "fail")
        ('1 of 7 jobs fails', 'all 7 jobs fail', 'the only job fails')
    """
    if n != of:
        return f"{n:,} of {plural(of, word)} {agree(n, verb)}"
    if of == 2:
        return f"both {plural(of, word, verb).removeprefix('2 ')}"
    return f"the only {word} {agree(1, verb)}" if of == 1 else f"all {plural(of, word, verb)}"


def unicode_text(text: str) -> str:
    """Text in which lone surrogates, which no file can hold, are written out.

    Such are the bytes of a file's name that are no UTF-8, here \\xe9, and halves of pairs in JSON.
    """
    return text if text.isascii() else _SURROGATE.sub(_written_out, text)


def cut(text: str, longest: int) -> str:
    """Text of which the middle is left out if it has more characters than `longest`.

    Where more than 200 are allowed, what stands there says how many are missing.
    """
    missing = len(text) - longest
    if missing <= 0:
        return text
    mark = f" … {missing:,} more characters … " if longest > _SAID_FROM else "…"
    end = (longest - len(mark)) // 2
    return f"{text[: longest - len(mark) - end]}{mark}{text[len(text) - end :]}"


def clean(text: str, longest: int = 60) -> str:
    """Text from outside, harmless (`visible`) and short enough to be shown (`cut`)."""
    return cut(visible(text), longest)


def _lines(text: str) -> str:
    """Text of an error; lines behind its first stand further in than those of the error."""
    return "\n    ".join(map(visible, cut(text, _LONGEST).split("\n")))


def _written_out(found: re.Match[str]) -> str:
    character = found[0]
    if character < "\x80" or "\udc80" <= character <= "\udcff":  # the latter: a byte of a path
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("ascii", "backslashreplace").decode()


def near_names(wrong: str, known: Iterable[str], most: int = 5) -> str:
    """The known names, nearest to the wrong one first, for the end of an error's sentence."""
    names = list(known)
    close = difflib.get_close_matches(wrong, names, n=most, cutoff=0.4)
    shown = (close + [name for name in names if name not in close])[:most]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
