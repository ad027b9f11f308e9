"""One page to decide from, of several results: what a rule did, may do, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from esim.errors import EsimError
from esim.report.belonging import Made, Result, made, mismatches
from esim.report.enable import switching_on
from esim.report.figures.comparison_figures import amount_of
from esim.report.figures.typical_stop import typical_stop_plot
from esim.report.glossary import used_words
from esim.report.pages.certificate import certificate_page
from esim.report.pages.closed_loop import SEARCHES, closed_loop_page
from esim.report.pages.comparison import compare_page
from esim.report.pages.estimate import estimate_page
from esim.report.pages.history import history_page
from esim.report.pages.identification import identification_page
from esim.report.pages.page import (
    Cell,
    Code,
    Column,
    Doubt,
    Missing,
    Page,
    Part,
    Picture,
    Say,
    Section,
    Table,
    Tile,
    filled,
)
from esim.report.pages.projection import projection_parts, projection_tile
from esim.report.pages.provenance import facts, rule_table
from esim.report.pages.replay import replay_page
from esim.report.projection import (
    Projection,
    forecast_projection,
    history_projection,
    replay_projection,
)
from esim.report.rule_words import rule_sentences
from esim.report.shown_rules import is_safest
from esim.report.words import clean, percent, plural
from esim.results.certificate import Certificate
from esim.results.closed_loop import ClosedLoop
from esim.results.comparison.comparison import Comparison, RuleEntry
from esim.results.estimate import EstimateDocument
from esim.results.history import HistoryReplay
from esim.results.identification import Identification
from esim.results.named_rule import NamedRule
from esim.results.replay import ReplayDocument
from esim.results.saved import SavedResult, replay_document, reports_of

# The kinds of results that a decision is made of, in the order in which their doubts are told.
_REPLAYS = {"esim.replay/1": replay_page, "esim.replay-many/1": history_page}
PARTS = {
    "replay": _REPLAYS,
    "estimate": {"esim.estimate/1": estimate_page},
    "closed loop": {"esim.closed-loop/1": closed_loop_page},
    "comparison": {"esim.compare/1": compare_page},
    "certificate": {"esim.certificate/1": certificate_page},
    "identification": {"esim.identify/1": identification_page},
}
_COMMANDS = {
    "replay": "replay LOGS --out FOLDER",
    "estimate": "estimate LOGS --json > estimate.json",
    "comparison": "compare LOGS --json > compare.json",
}


def sorted_results(sources: Sequence[SavedResult]) -> dict[str, SavedResult]:
    """Results by their kind, whatever their order.

    Raises:
        EsimError: one is of no such kind, two are of the same, or none tells what a rule does.
    """
    found: dict[str, SavedResult] = {}
    for source in sources:
        kind = next((k for k, schemas in PARTS.items() if source.schema in schemas), None)
        if kind is None:
            raise EsimError(
                f"a document of {source.schema!r} has no place on a page of several results",
                where=source.where,
                fix="a page of its own, or results of replay, compare, estimate, closed-loop, "
                "identify, certify",
            )
        if kind in found:
            raise EsimError(
                f"two results of the same kind, {kind}",
                where=source.where,
                why=f"{found[kind].where} is one too, and a decision is made of one of each",
            )
        found[kind] = source
    if not found.keys() & {"replay", "estimate"}:
        raise EsimError(
            "nothing says which rule is decided on",
            fix="a result of esim replay or esim estimate among them",
        )
    return {kind: found[kind] for kind in PARTS if kind in found}


def decision_page(
    sources: Sequence[SavedResult], studies: Sequence[str] = (), jobs_per_month: float | None = None
) -> Page:
    """The page of several results together.

    Args:
        sources: at most one of each kind, in any order.
        studies: those of the replay to show in full.
        jobs_per_month: how many tuning jobs the projection is for; None: there is none.

    Raises:
        EsimError: a result cannot be used, or has no place here.
    """
    by_kind = sorted_results(sources)
    pages = {
        kind: PARTS[kind][source.schema](source, studies if kind == "replay" else ())
        for kind, source in by_kind.items()
    }
    return _Decision(by_kind, pages, jobs_per_month).page()


class _Decision:
    """What the results are, and the page of each."""

    def __init__(
        self, by_kind: Mapping[str, SavedResult], pages: Mapping[str, Page], jobs: float | None
    ) -> None:
        self._sources, self._pages, self._jobs = by_kind, pages, jobs
        self._results = {kind: _read(source) for kind, source in by_kind.items()}
        first = next(iter(self._results.values()))
        if isinstance(first, ReplayDocument):
            self._rule: NamedRule = first.studies[0].rule
            self._ending = first.studies[0].until
        elif isinstance(first, (HistoryReplay, EstimateDocument)):
            self._rule, self._ending = first.rule, first.until
        self._until = tuple(one.text for one in self._ending)

    def page(self) -> Page:
        told = [made(kind, result) for kind, result in self._results.items()]
        apart = list(mismatches(told, self._rule, self._until))
        ending = f" until {' or '.join(self._until)}" if self._until else ""
        sections = [
            self._what(),
            self._section("replay", "past", "What it would have done", ("saved", "quality",
                          "studies", "spread", "curves")),
            self._section("estimate", "next", "What to expect", ("forecast", "advice")),
            self._alternative(),
            *self._others(),
            self._projection(),
            self._enable(),
            self._belonging(told, apart),
        ]  # fmt: skip
        page = Page(
            title=f"{self._subject()}: whether to switch on {clean(self._rule.name + ending)}",
            subtitle="; ".join(dict.fromkeys(p.subtitle for p in list(self._pages.values())[:2])),
            answer=tuple(self._answer()),
            tiles=tuple(self._tiles()),
            doubts=(*(Doubt(text) for text in apart), *self._doubts()),
            sections=tuple(sections),
            table="projection" if self._jobs is not None else "alternatives",
            date=next((page.date for page in self._pages.values() if page.date), ""),
        )
        words = facts("glossary", "In the order of a first reading", used_words(_texts(page)))
        return replace(page, sections=(*sections, Section("glossary", "Words", (words,))))

    def _subject(self) -> str:
        result = next(iter(self._results.values()))
        if isinstance(result, HistoryReplay):
            return plural(result.studies, "tuning job")
        of = (result,) if isinstance(result, ClosedLoop) else result.studies
        names = [one.study for one in of]
        return clean(names[0]) if len(names) == 1 else plural(len(names), "tuning job")

    def _answer(self) -> Iterator[str]:
        """The advice, what happened, and the alternative: a sentence of each that is known."""
        for kind in ("estimate", "replay", "comparison", "certificate"):
            if kind in self._pages:
                yield self._pages[kind].answer[0]

    def _tiles(self) -> Iterator[Tile]:
        if "replay" in self._pages and self._pages["replay"].tiles:
            first = self._pages["replay"].tiles[0]
            yield replace(first, label=f"{first.label}, as recorded")
        if "estimate" in self._pages:
            tiles = self._pages["estimate"].tiles
            yield from (replace(t, label=f"{t.label}, next job") for t in tiles[1:2])
            yield from tiles[3:4]
        per_job = self._per_job()
        if per_job is not None and self._jobs is not None:
            yield projection_tile(per_job, self._jobs)

    def _doubts(self) -> Iterator[Doubt]:
        """Those of all results, the gravest of each first, and each once."""
        told: dict[str, str] = {}
        columns = [
            [(kind, doubt) for doubt in self._of_concern(kind)] for kind in self._pages
        ]  # fmt: skip
        for row in zip_longest(*columns):
            for kind, doubt in (cell for cell in row if cell is not None):
                key = doubt.code or doubt.text
                if told.setdefault(key, kind) == kind:
                    yield replace(doubt, where="; ".join(x for x in (kind, doubt.where) if x))

    def _of_concern(self, kind: str) -> list[Doubt]:
        """The doubts of a result but those about rules that are not shown here."""
        result, doubts = self._results[kind], list(self._pages[kind].doubts)
        if not isinstance(result, Comparison):
            return doubts
        shown = {entry.key for _, entry in self._picks(result)}
        kept = [w.rule is None or w.rule in shown for w in result.warnings]
        return [doubt for doubt, keep in zip(doubts, kept, strict=True) if keep]

    def _what(self) -> Section:
        first, second = rule_sentences(self._rule)
        parts: list[Part] = [Say(f"{first} {second}")]
        result, source = self._results.get("replay"), self._sources.get("replay")
        if isinstance(result, ReplayDocument) and source is not None:
            one = result.studies[0]
            reports, decisions = reports_of(source, one), one.trace()
            if reports is not None and decisions:
                plot = typical_stop_plot(one, reports, decisions)
                parts += [Say("It stops no trial here.") if plot is None else Picture(plot)]
        if len(parts) == 1:
            parts.append(
                Missing(
                    "A drawing of the rule at work takes the curves of a replayed job.",
                    "esim replay LOGS --study NAME --out FOLDER",
                )
            )
        if self._rule.parameters:
            parts.append(rule_table("rule", self._rule))
        return Section("rule", "What the rule is", tuple(parts))

    def _section(self, kind: str, name: str, title: str, wanted: Sequence[str]) -> Section:
        """The parts of some sections of a result's own page."""
        if kind not in self._pages:
            missing = Missing(f"There is no {kind} among the results.", f"esim {_COMMANDS[kind]}")
            return Section(name, title, (missing,))
        page = self._pages[kind]
        sentences: list[Part] = [Say(sentence) for sentence in page.answer]
        found = (section for section in page.sections if _plain_id(section) in wanted)
        parts = [part for section in found for part in section.parts]
        return Section(name, title, (*sentences, *(_named(kind, part) for part in parts)))

    def _picks(self, c: Comparison) -> list[tuple[str, RuleEntry]]:
        """The rule that is decided on, and the two that the comparison picks."""
        mine = (dict(self._rule.parameters), self._until)
        picks = []
        for entry in c.rules:
            if (dict(entry.parameters), tuple(one.text for one in entry.until)) == mine:
                picks.append(("the rule here", entry))
                break
        if c.saves_most is not None:
            also = ", and is safest" if is_safest(c, c.saves_most.key) else ""
            picks.append((f"saves most{also}", c.saves_most))
        if c.safest is not None and c.safest is not c.saves_most:
            picks.append(("safest", c.safest))
        return picks

    def _alternative(self) -> Section:
        title, c = "Which alternative", self._results.get("comparison")
        if not isinstance(c, Comparison):
            return self._section("comparison", "alternative", title, ())
        rows: list[tuple[Cell, ...]] = []
        for what, entry in self._picks(c):
            saved, loss, kept = c.saved_of(entry), c.loss_of(entry), entry.orders.best_kept
            rows.append(
                (
                    what,
                    entry.key,
                    None if saved is None else saved.mean,
                    None if kept is None else kept.share,
                    None if loss is None else loss.mean,
                )
            )
        columns = (
            Column("pick", "pick"),
            Column("rule", "rule"),
            Column("saved", f"{amount_of(c)} saved", "percent", bar=True),
            Column("best_kept", "best kept", "share"),
            Column("loss", "loss", "percent"),
        )
        within = f"a mean loss of at most {percent(c.settings.max_degradation)} is accepted"
        table = Table("alternatives", f"Means over launch orders; {within}", columns, rows)
        page = self._pages["comparison"]
        front = [part for section in page.sections for part in section.parts
                 if isinstance(part, Picture) and part.plot.name == "front"]  # fmt: skip
        return Section("alternative", title, (*map(Say, page.answer), *front, table))

    def _others(self) -> Iterator[Section]:
        for kind, title, wanted in (
            ("closed loop", "What the search would have done", (*SEARCHES, "surrogate")),
            ("certificate", "What is certified", ("assumed", "sequence")),
            ("identification", "Which rule the service runs", ("settled",)),
        ):
            if kind in self._pages:
                yield self._section(kind, kind.replace(" ", "-"), title, wanted)

    def _per_job(self) -> Projection | None:
        """The projection of the forecast, or without one of the replay."""
        document, result = self._results.get("estimate"), self._results.get("replay")
        found = None
        if isinstance(document, EstimateDocument):
            found = forecast_projection(document)
        if found is None and isinstance(result, ReplayDocument):
            found = replay_projection(result.studies)
        if found is None and isinstance(result, HistoryReplay):
            found = history_projection(result)
        return found

    def _projection(self) -> Section:
        source = "forecast" if "estimate" in self._results else "replay"
        parts = projection_parts(self._per_job(), self._jobs, source)
        return Section("projection", "By month and year", tuple(parts))

    def _enable(self) -> Section:
        result = next(iter(self._results.values()))
        if isinstance(result, ReplayDocument):
            job: tuple[str, str, str] | None = (
                result.studies[0].study, result.studies[0].objective, result.studies[0].direction
            )  # fmt: skip
        elif isinstance(result, EstimateDocument):
            job = (result.studies[0].study, result.objective, result.direction)
        else:
            job = None
        lines = switching_on(self._rule, self._ending, job)
        parts = [Code(label, told) if told else Say(label) for label, told in lines]
        return Section("enable", "How to switch it on", tuple(parts))

    def _belonging(self, told: Sequence[Made], apart: Sequence[str]) -> Section:
        verdict = (
            f"They do not belong together: {'; '.join(apart)}."
            if apart
            else "They belong together: the same logs by SHA-256, the same rule, the same version."
        )
        columns = (
            Column("result", "result"),
            Column("document", "document"),
            Column("esim", "esim"),
            Column("inputs", "read"),
            Column("sha256", "SHA-256"),
            Column("command", "made by"),
        )
        rows: list[tuple[Cell, ...]] = []
        for one, (kind, source) in zip(told, self._sources.items(), strict=True):
            paths = list(one.inputs.values())
            digests = ", ".join(key[:12] for key, path in one.inputs.items() if key != path)
            command = source.document.get("command")
            rows.append((kind, source.schema, one.esim, ", ".join(paths[:3]) or None,
                         digests or None, str(command) if command else None))  # fmt: skip
        table = filled("results", "The results on this page", columns, rows)
        return Section("provenance", "Where this comes from", (Say(verdict), table))


def _read(source: SavedResult) -> Result:
    if source.schema == "esim.replay/1":
        return replay_document(source)
    kinds: dict[str, type[HistoryReplay | Comparison | EstimateDocument | Identification
                          | Certificate | ClosedLoop]] = {
        "esim.replay-many/1": HistoryReplay,
        "esim.compare/1": Comparison,
        "esim.estimate/1": EstimateDocument,
        "esim.identify/1": Identification,
        "esim.certificate/1": Certificate,
        "esim.closed-loop/1": ClosedLoop,
    }  # fmt: skip
    return kinds[source.schema].from_dict(source.document, source.where)


def _plain_id(section: Section) -> str:
    """The id of a section without what tells its study from others: `s2-saved` is `saved`."""
    return section.id.rpartition("-")[2] if section.chapter else section.id


def _named(kind: str, part: Part) -> Part:
    """A table under a name that no other result has."""
    if not isinstance(part, Table):
        return part
    return replace(part, name=f"{kind.replace(' ', '-')}-{part.name}")


def _texts(page: Page) -> Iterator[str]:
    """All that is written on a page, but for names from logs."""
    yield from page.answer
    yield from (text for doubt in page.doubts for text in (doubt.text, doubt.where))
    yield from (text for tile in page.tiles for text in (tile.label, tile.note))
    for section in page.sections:
        yield section.title
        for part in section.parts:
            if isinstance(part, (Say, Missing)):
                yield part.text
            elif isinstance(part, Picture):
                yield part.plot.caption
            elif isinstance(part, Table):
                yield part.caption
                yield from (column.label for column in part.columns)
