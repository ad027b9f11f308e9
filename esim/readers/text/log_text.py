"""The records of log text: who printed it, the text, and what a metric's regex found in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from esim.study import Float64, Int64

EXAMPLE_LENGTH = 160  # characters that are shown of a line
EXAMPLES = 3  # lines that are shown as examples


@dataclass(frozen=True)
class Printer:
    """Who printed a text, as far as something names it.

    Attributes:
        job: the training job; None where nothing names it, so that the file stands for the job.
        host: the host, rank, container or colour; "" where nothing names it.
        started: seconds since 1970 UTC in the name of its log stream, which a restart changes; 0
            where there are none.
        run: what tells several jobs in one text apart that nothing names, such as the suffix of
            local mode's containers or the number of a notebook's job; "" where nothing does.
    """

    job: str | None = None
    host: str = ""
    started: int = 0
    run: str = ""

    def within(self, outer: Printer) -> Printer:
        """Who this is, completed by what is known of everything in the same file or part of it."""
        return Printer(
            self.job or outer.job,
            self.host if outer.host in self.host else f"{outer.host} {self.host}".strip(),
            self.started or outer.started,
            " ".join(filter(None, (outer.run, self.run))),
        )

    def inside(self, job: Printer) -> Printer:
        """Who this is, as lines of a text name it: a host, if the job of the text is known."""
        if job.job is None or self.job is None:
            return self.within(job)
        return replace(self, job=None, host=f"{self.job} {self.host}".strip()).within(job)


NOBODY = Printer()


@dataclass(frozen=True)
class LogText:
    """The text of one printer, L lines.

    Attributes:
        where: the file's path, for ``path:line``.
        data: the text as a person saw it, in UTF-8 that may hold invalid bytes; lines end with LF.
            What a carriage return or a backspace overwrote stands in a line of its own.
        times: float64 [L], seconds since 1970 UTC, NaN where unknown, if the export has the times
            apart from the text. None if lines may begin with CloudWatch's time.
        lines: int64 [L], the line of the file (in JSON the event) that each line comes from; None
            stands for 1, 2, ..., L.
        printed: int64 [L], the line that the program printed, of which each line is a refresh, by
            number in rising order; None if every line was printed once.
        printer: who printed it.
        stream: the name of its log stream; "" if the export does not say.
        whole: the text with what prefixes stood in front of its lines; empty if none did.
    """

    where: str
    data: bytes
    times: Float64 | None = None
    lines: Int64 | None = None
    printed: Int64 | None = None
    printer: Printer = NOBODY
    stream: str = ""
    whole: bytes = b""

    def line_of(self, row: int) -> int:
        """The line of the file that a row of the text comes from."""
        return row + 1 if self.lines is None else int(self.lines[row])


@dataclass(frozen=True)
class Emissions:
    """The E values of a metric that its regex found in one text, called emissions, in text order.

    Attributes:
        where: the file's path.
        values: float64 [E].
        times: float64 [E], seconds since 1970 UTC, NaN where the line has none.
        messages: the line of each, without CloudWatch's time and without colours. [E]
        at: int64 [E], where in its message each value begins.
        lines: int64 [E], the line of the file.
        rows: int64 [E], the line of the text, from 0; several emissions may share it.
        printed: int64 [E], the line that the program printed; as `rows` if nothing was refreshed.
        printer: who printed the text.
        marks: int64 [E], the epoch that the last epoch line before it names, -1 if there is none;
            None if the messages name their steps themselves.
        sure: whether several epoch lines of the text differ, or say how many epochs there are.
        totals: int64 [E], how many epochs that line says there are, 0 where it does not; None as
            `marks`.
        indexed: the form in which most messages name their steps, and float64 [E], the index of
            each; None if they name none. Kept because several stages ask for them.
        starts: int64 [E], how often a program had started in the text before it.
        folds: how many folds of a cross-validation the text speaks of; 0 if of none.
        cut: how many values are only a part of the number in their line.
        cut_examples: the first few of these lines, ``path:line: text``.
        unread: how many lines hold the metric's name, or match, but give no number.
        empty: how many lines match with an empty group.
        examples: the first few lines that give no number, ``path:line: text``.
        caught: the first few groups that are no number, as they were caught.
    """

    where: str
    values: Float64
    times: Float64
    messages: list[str]
    at: Int64
    lines: Int64
    rows: Int64
    printed: Int64
    printer: Printer = NOBODY
    marks: Int64 | None = None
    sure: bool = True
    totals: Int64 | None = None
    indexed: tuple[object, Float64] | None = None
    starts: Int64 | None = None
    folds: int = 0
    cut: int = 0
    cut_examples: tuple[str, ...] = field(default=())
    unread: int = 0
    empty: int = 0
    examples: tuple[str, ...] = field(default=())
    caught: tuple[str, ...] = field(default=())


def picked(lines: Int64 | None, rows: Int64) -> Int64:
    """int64: the lines of the file that some rows come from; None stands for 1, 2, ..."""
    return rows + 1 if lines is None else lines[rows]
