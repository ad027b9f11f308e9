"""`esim check`: every finding on a study that has the fault, and not on one that nearly has."""

from __future__ import annotations

import ast
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import esim
from esim import Status, Study
from esim.analyses.check import GRADES, INFORMATION, check
from esim.cli import app
from esim.report.enable import how_to_enable
from esim.report.terminal.check import show_checks
from esim.results.check import Check, CheckDocument, CheckTotals, Finding, common_findings
from esim.study import Note
from tests.paths import DATA
from tests.readers.test_analytics import describe, training_tables
from tests.readers.test_sagemaker import NAMES, Export

RUN = CliRunner()


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


def sound(n: int = 12, steps: int = 5, seconds: float = 100.0) -> Study:
    """Jobs that go down from values of their own, a report every `seconds`."""
    values = [[(i + 1.0) / (k + 1) for k in range(steps)] for i in range(n)]
    return Study.from_arrays(
        values,
        "minimize",
        elapsed=[seconds * (k + 1) for k in range(steps)],
        start=[9999.0 * i for i in range(n)],
        end=[9999.0 * i + seconds * steps + 5 for i in range(n)],
        name="tune",
        objective="loss",
    )


def codes(study: Study) -> dict[str, str]:
    return {finding.code: finding.severity for finding in check(study).findings}


def test_nothing_to_object() -> None:
    actual = check(sound())
    assert actual.findings == ()
    assert actual.ok
    # Each later job is worse than the median of the earlier ones at once: all but the first stop.
    assert actual.verdict == "AUTO would act: its rule, read word for word, stops 11 of 12 jobs"


def test_auto_stops_none() -> None:
    values = [[(12.0 - i) / (k + 1) for k in range(5)] for i in range(12)]  # each job the best yet
    actual = check(Study.from_arrays(values, "minimize"))
    assert actual.acts is False
    assert actual.ok
    assert {finding.code: finding.severity for finding in actual.findings} == {
        "nothing_stopped": "warning",
        "times_missing": "note",
    }
    assert actual.verdict == "AUTO would have stopped none of these 12 jobs"


def test_one_report_a_job() -> None:
    actual = check(sound(steps=1, seconds=400))
    assert actual.findings[0].code == "emitted_once"
    assert actual.acts is False
    assert actual.verdict.startswith("AUTO can never act")
    assert not actual.ok


def with_nan(study: Study, blank: slice) -> Study:
    """The study without a value at these steps of every job."""
    values = study.values.reshape(study.n_trials, -1).copy()
    values[:, blank] = np.nan
    return replace(study, values=values.reshape(-1))


def test_steps_without_a_value_are_no_emissions() -> None:
    # Rows for every step, the objective only in the last one, or in the last two.
    assert codes(with_nan(sound(), slice(4)))["emitted_once"] == "error"
    two = codes(with_nan(sound(), slice(3)))
    assert "emitted_once" not in two
    assert "emitted_late" not in two  # 400 of 505 s


def test_no_value_at_all() -> None:
    actual = check(with_nan(sound(), slice(5)))
    assert (actual.findings[0].code, actual.acts) == ("no_curves", None)


def test_values_that_are_none() -> None:
    values = sound().values.copy()
    values[[7, 8]] = np.nan, np.inf
    study = replace(sound(), values=values)
    found = {finding.code: finding for finding in check(study).findings}
    assert found.keys() == {"missing_values", "infinite_values"}
    # Row 7 is the third report of the second job.
    assert found["missing_values"].evidence == ("1, step 3",)
    noted = replace(study, notes=(Note("missing_values", "said"), Note("infinite_values", "said")))
    assert {finding.text for finding in check(noted).findings} == {"said"}


def test_no_report_times() -> None:
    assert codes(replace(sound(), elapsed=None)) == {"times_missing": "note"}


def test_some_jobs_report_once() -> None:
    values = [[1.0, 0.5, 0.4]] * 11 + [[1.0, np.nan, np.nan]]
    study = Study.from_arrays(values, "minimize")
    assert codes(study)["emitted_once_by_some"] == "warning"
    assert "emitted_once" not in codes(study)
    statuses = ["completed"] * 11 + ["stopped"]  # by the tuning job, behind its first report
    cut = Study.from_arrays(values, "minimize", status=statuses)
    assert "emitted_once_by_some" not in codes(cut)


@pytest.mark.parametrize(("first", "late"), [(460.0, True), (440.0, False)])
def test_reports_after_training(first: float, late: bool) -> None:
    # Jobs of 505 s: 90 % is 454.5 s.
    study = sound(steps=2)
    study = Study.from_arrays(
        study.values.reshape(12, 2),
        "minimize",
        elapsed=[first, first + 10],
        start=[0.0] * 12,
        end=[505.0] * 12,
    )
    assert ("emitted_late" in codes(study)) is late


@pytest.mark.parametrize(("seconds", "short"), [(40.0, True), (48.0, False)])
def test_short_jobs(seconds: float, short: bool) -> None:
    # 5 x 40 + 5 = 205 s, 5 x 48 + 5 = 245 s.
    study = sound(seconds=seconds)
    assert ("short_jobs" in codes(study)) is short
    assert ("short_jobs" in codes(replace(study, elapsed=None))) is short


def test_most_jobs_must_be_short() -> None:
    # Jobs of 505 s, some ending after 150 s instead: cut to one report at 100 s.
    def shortened(n: int) -> dict[str, int]:
        curves = [[1.0, 0.5]] * 12
        ends = [9999.0 * i + (150.0 if i < n else 505.0) for i in range(12)]
        starts = [9999.0 * i for i in range(12)]
        study = Study.from_arrays(curves, "minimize", elapsed=[50.0, 100.0], start=starts, end=ends)
        return {finding.code: finding.count for finding in check(study).findings}

    assert shortened(7)["short_jobs"] == 7
    assert "short_jobs" not in shortened(6)


def test_jobs_cut_short_are_not_short_jobs() -> None:
    study = sound(seconds=40)
    cut = np.ones(12, dtype=np.bool_)
    assert "short_jobs" not in codes(replace(study, censored=cut))


@pytest.mark.parametrize(("n", "few"), [(9, True), (10, False)])
def test_few_jobs(n: int, few: bool) -> None:
    assert ("few_jobs" in codes(sound(n))) is few


def test_failed_and_censored_jobs() -> None:
    status = np.full(12, Status.COMPLETED, dtype=np.int8)
    status[1] = Status.FAILED
    study = replace(sound(), status=status, censored=status == Status.FAILED)
    assert codes(study) == {"failed_jobs": "warning"}
    cut = np.zeros(12, dtype=np.bool_)
    cut[2] = True
    assert codes(replace(sound(), censored=cut)) == {"censored_jobs": "warning"}


@pytest.mark.parametrize("code", sorted(GRADES))
def test_what_a_reader_noted(code: str) -> None:
    note = Note(code, "what was seen", 3, ("a.log:7: a line",))
    (actual,) = check(replace(sound(), notes=(note,))).findings
    assert (actual.severity, actual.cure) == GRADES[code]
    assert (actual.text, actual.count, actual.evidence) == (note.text, 3, note.evidence)


def test_information_is_no_finding() -> None:
    notes = tuple(Note(code, "text") for code in sorted(INFORMATION))
    assert check(replace(sound(), notes=notes)).findings == ()


def test_every_note_of_a_reader_is_graded() -> None:
    readers = Path(esim.__file__).parent / "readers"
    source = "\n".join(path.read_text() for path in readers.rglob("*.py"))
    noted = set(re.findall(r'Note\(\s*"([a-z_0-9]+)"', source))
    from esim.readers.text.steps import FATES

    assert noted | set(FATES[1:]) <= GRADES.keys() | INFORMATION
    assert not GRADES.keys() & INFORMATION


@pytest.mark.parametrize(
    ("code", "verdict", "acts"),
    [
        ("strategy_hyperband", "AUTO is not available for this tuning job: x", False),
        ("several_algorithms", "AUTO is not available for this tuning job: x", False),
        ("value_cut", "these logs cannot be trusted: x", None),
        ("time_aligned", "these logs cannot be trusted: x", None),
        ("auto_was_on", "AUTO was already on", True),
        ("table_caution", "AUTO would act", True),
    ],
)
def test_verdicts(code: str, verdict: str, acts: bool | None) -> None:
    actual = check(replace(sound(), notes=(Note(code, "x"),)))
    assert actual.verdict.startswith(verdict)
    assert actual.acts is acts


def test_a_doubt_outweighs_a_claim() -> None:
    once = sound(steps=1, seconds=400)
    actual = check(replace(once, notes=(Note("other_metric_matched", "x"),)))
    assert actual.verdict == "these logs cannot be trusted: x"
    assert actual.acts is None


def test_a_single_job_tells_nothing() -> None:
    actual = check(sound(1))
    assert actual.acts is None
    assert actual.verdict.startswith("a single job tells nothing")
    assert {finding.code for finding in actual.findings} == {"few_jobs"}
    assert actual.findings[0].text.startswith("only 1 job reports values")


def test_auto_on_and_no_stop_tells_nothing() -> None:
    values = [[(12.0 - i) / (k + 1) for k in range(5)] for i in range(12)]  # each job the best yet
    study = Study.from_arrays(values, "minimize")
    assert check(replace(study, notes=(Note("auto_was_on", "x"),))).acts is None


# --- what the reader sees in the regex and the records ---------------------------------------


def set_regex(export: Export, regex: str) -> None:
    definitions = export.tuning["TrainingJobDefinition"]["AlgorithmSpecification"]
    definitions["MetricDefinitions"][2]["Regex"] = regex


def set_lines(export: Export, *lines: str) -> None:
    for name in NAMES:
        stamp = export.lines[name][0].split(" ")[0]
        export.lines[name] = [f"{stamp} {line}" for line in lines]


@pytest.mark.parametrize(
    ("regex", "lines", "code"),
    [
        (r"rmse: ([0-9\.]+)", ("rmse: 2.38e-05",), "value_cut"),
        (r"rmse: .([0-9\.]+)", ("rmse: -2.38",), "value_cut"),
        (r"loss: ([0-9\.]+)", ("val_loss: 0.5", "val_loss: 0.4"), "other_metric_matched"),
        (
            r"rmse: ([0-9\.]+)",
            ("[1]#011training's rmse: 0.5#011valid_0's rmse: 0.7",),
            "other_metric_matched",
        ),
        (r"rmse: (.*?)(?: |$)", ("rmse: 0.5", "rmse:  "), "empty_capture"),
    ],
)
def test_regexes_that_go_wrong(
    export: Export, regex: str, lines: tuple[str, ...], code: str
) -> None:
    set_regex(export, regex)
    set_lines(export, *lines)
    found = {finding.code: finding for finding in check(export.read()).findings}
    assert found[code].severity == "error"
    assert found[code].count == 3 * len(lines) or code == "empty_capture"


@pytest.mark.parametrize(
    ("regex", "line"),
    [
        (r"rmse: (\S+)", "rmse: 2.38e-05"),
        (r"rmse: (\S+)", "rmse: -2.38 time 3"),
        (r"(?<!\w)loss: ([0-9\.]+)", "val_loss: 0.5 - loss: 0.7"),
        (r"validation-rmse:([0-9\.]+)", "[1]#011train-rmse:0.5#011validation-rmse:0.7"),
        (r"epoch 1-([0-9\.]+)", "epoch 1-0.5"),
        # A notebook's status line without a line end before the log's own.
        (r"Test loss: ([0-9\.]+)", "Uploading - Uploading generated training modelTest loss: 0.5"),
    ],
)
def test_regexes_that_are_right(export: Export, regex: str, line: str) -> None:
    set_regex(export, regex)
    set_lines(export, line)
    wrong = {"value_cut", "other_metric_matched", "empty_capture"}
    assert not wrong & codes(export.read()).keys()


def test_hyperband_and_several_algorithms(export: Export) -> None:
    export.tuning["HyperParameterTuningJobConfig"]["Strategy"] = "Hyperband"
    assert codes(export.read())["strategy_hyperband"] == "error"
    definition = export.tuning.pop("TrainingJobDefinition")
    export.tuning["TrainingJobDefinitions"] = [definition, definition]
    assert codes(export.read())["several_algorithms"] == "error"


def test_evidence_of_a_long_path_keeps_the_line_and_its_number() -> None:
    place = f"/home/me/{'very-long-' * 20}.log:123"
    note = Note("lines_unmatched", "x", 1, (f"{place}: loss: oops",))
    console = Console(file=io.StringIO(), width=80)
    show_checks(CheckDocument((check(replace(sound(), notes=(note,))),)), {}, console)
    actual = console.file.getvalue()  # type: ignore[attr-defined]
    assert ".log:123: loss: oops" in " ".join(actual.split())


# --- the command -----------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = RUN.invoke(app, ["check", *arguments])
    return result.exit_code, result.output


def test_the_command_on_a_sound_job() -> None:
    code, output = run(str(DATA / "xgboost_digits/sagemaker"))
    assert code == 0
    assert "AUTO would act: its rule, read word for word, stops 92 of 120 jobs" in output
    assert 'config["TrainingJobEarlyStoppingType"] = "Auto"' in output
    assert run("--strict", str(DATA / "xgboost_digits/sagemaker"))[0] == 3


def test_the_command_on_averages_over_time(tmp_path: Path) -> None:
    describe(tmp_path)
    training_tables(tmp_path)
    assert run("--accept-time-aligned", str(tmp_path))[0] == 3
    document = json.loads(run("--accept-time-aligned", "--json", str(tmp_path))[1])
    (error,) = (f for f in document["studies"][0]["findings"] if f["severity"] == "error")
    assert error["code"] == "time_aligned"


def test_the_command_where_auto_cannot_act(export: Export) -> None:
    set_lines(export, "[0]#011train-rmse:1.5#011validation-rmse:0.5")
    code, output = run(str(export.write()))
    assert code == 3
    assert "AUTO can never act" in output
    assert "TrainingJobEarlyStoppingType" not in output
    assert re.search(r"See to the (\d+ )?errors? before you switch AUTO on\.", output)
    replayed = RUN.invoke(app, ["replay", str(export.folder)]).output
    assert "TrainingJobEarlyStoppingType" not in replayed


def test_logs_that_cannot_be_read_raise(tmp_path: Path) -> None:
    # esim.cli.main makes it exit code 1.
    assert isinstance(RUN.invoke(app, ["check", str(tmp_path / "none")]).exception, esim.EsimError)


def test_notes_on_the_path_are_shown(export: Export) -> None:
    stranger = {"TrainingJobName": "other-001-0000000a", "TuningJobArn": "arn:x/other"}
    export.jobs.append({**export.jobs[0], **stranger})
    assert "1 training job belongs to no tuning job here" in run(str(export.write()))[1]


@pytest.mark.parametrize(
    ("words", "shown"),
    [((), True), (("--rule", "ray-median"), False), (("--set", "min_peers=500"), False)],
)
def test_replay_ends_with_how_to_enable(words: tuple[str, ...], shown: bool) -> None:
    output = RUN.invoke(app, ["replay", str(DATA / "xgboost_digits/sagemaker"), *words]).output
    assert ("TrainingJobEarlyStoppingType" in output) is shown


@pytest.mark.parametrize("auto", ["Off", "Auto"])
def test_how_to_enable_is_for_jobs_without_auto(export: Export, auto: str) -> None:
    export.tuning["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] = auto
    for command in ("check", "replay"):
        output = RUN.invoke(app, [command, str(export.write())]).output
        assert ('["TrainingJobEarlyStoppingType"] = "Auto"' in output) is (auto == "Off")


def test_a_table_is_no_sagemaker_job() -> None:
    table = [str(DATA / "tiny/table"), "--objective", "validation:loss", "--direction", "minimize"]
    assert "TrainingJobEarlyStoppingType" not in run(*table)[1]


def test_json() -> None:
    code, output = run("--json", str(DATA / "tiny/sagemaker"))
    document: dict[str, Any] = json.loads(output, parse_constant=pytest.fail)
    assert document["schema"] == "esim.check/1"
    (study,) = document["studies"]
    assert study["findings"][0].keys() == {
        "code", "severity", "text", "cure", "count", "evidence",
    }  # fmt: skip
    assert code == int(any(f["severity"] == "error" for f in study["findings"]))


def test_hostile_names_stay_text(export: Export) -> None:
    study = replace(sound(2), name="\x1b[31mred\x07")
    from rich.console import Console

    from esim.report.terminal.check import show_checks

    console = Console(record=True, width=100)
    show_checks(CheckDocument((check(study),)), {study.name: study}, console)
    assert "\x07" not in console.export_text()


def test_how_to_enable_quotes_names() -> None:
    actual = "\n".join(how_to_enable('a"b', "validation:auc", "maximize"))
    assert r'HyperParameterTuningJobName="a\"b"' in actual
    assert 'objective_type="Maximize", early_stopping_type="Auto"' in actual


@pytest.mark.parametrize("name", ["m" * 200, "\x1b[31m\x7f", "\u202e\U0001f600", "a\\n'\""])
def test_how_to_enable_is_code_with_the_name_whole(name: str) -> None:
    text = "\n".join(how_to_enable(name, "loss", "minimize"))
    literal = re.search(r"HyperParameterTuningJobName=(.*)\)\[", text)
    assert literal is not None
    assert ast.literal_eval(literal[1]) == name
    assert text.replace("\n", "").isprintable()


def test_jobs_that_end_before_their_last_report() -> None:
    """Reports up to 500 s after the start; ends 498.9, 499 and 500 s after it: the first is odd."""
    study = sound()
    assert study.elapsed is not None
    end = study.start + 500.0
    end[:2] -= np.array([1.1, 1.0])  # a second before is the same whole second
    findings = check(replace(study, end=end)).findings
    assert [(f.code, f.severity, f.count, f.evidence) for f in findings] == [
        ("ended_before_report", "warning", 1, ("0",))
    ]
    # What its reader has said is not said twice, and a first report after the end is not late.
    noted = replace(study, end=study.start + 50.0, notes=(Note("ended_before_report", "x", 12),))
    assert codes(noted) == {"ended_before_report": "warning"}


def finding(code: str, severity: Any, count: int = 1) -> Finding:
    return Finding(code, severity, f"text of {code}", "mend it", count)


def test_a_finding_of_many_studies_is_told_once() -> None:
    checks = [
        Check("a", "", True, (finding("few", "warning", 2), finding("few", "warning", 3))),
        Check("b", "", None, (finding("cut", "error"), finding("few", "warning"))),
        Check("c", "", False, (finding("odd", "error"), finding("cut", "error", 4))),
        Check("d", "", True, ()),
    ]
    found = common_findings(checks)
    assert [(one.code, one.studies, one.count) for one in found] == [
        ("cut", ("b", "c"), 5), ("odd", ("c",), 1), ("few", ("a", "b"), 6),
    ]  # fmt: skip
    document = CheckDocument(tuple(checks), failures={"e": "damaged"})
    assert document.totals == CheckTotals(
        studies=4, studies_ok=2, errors=3, warnings=3, notes=0, studies_warned=2,
        auto_acts=2, auto_stops_none=1, auto_unknown=1,
    )  # fmt: skip
    assert CheckDocument.from_dict(document.to_dict()) == document


def test_a_check_of_a_history_begins_with_totals(tmp_path: Path) -> None:
    from esim.storage.history import Location
    from esim.storage.history.write import Input, append

    once = Study.from_arrays([[1.0], [2.0]], "minimize", name="once", objective="loss")
    once = replace(once, notes=(Note("means", "a mean of two"),))  # no finding
    every = [once, *(replace(sound(), name=f"tune-{i:02d}") for i in range(11))]
    append(Location(str(tmp_path / "h")), [Input("in", "0", "table", every)], None)
    code, output = run(str(tmp_path / "h"))
    assert code == 3  # one of them has an error
    assert output.startswith("AUTO would act in 11 of 12 studies; it would stop no job in 1. ")
    assert "1 study with errors, 1 with warnings." in " ".join(output.split())
    lines = [" ".join(line.split()) for line in output.splitlines()]
    findings = [line for line in lines if line.startswith(("error ", "warning ", "note "))]
    assert findings[0] == "error 1 study once"
    assert "what to do: print the objective after every epoch, not once at the end" in output
    assert run(str(tmp_path / "h"), "--study", "tune-03")[0] == 0
    document = json.loads(RUN.invoke(app, ["check", str(tmp_path / "h"), "--json"]).stdout)
    assert document["inputs"][0]["notes"] == [
        {"code": "means", "text": "a mean of two", "count": 1, "evidence": [], "study": "once"}
    ]
    assert [one["study"] for one in document["studies"]] == [study.name for study in every]
    assert document["studies"][3] == json.loads(json.dumps(check(every[3]).to_dict()))


def test_of_many_kinds_of_findings_the_twenty_gravest_are_shown() -> None:
    findings = tuple(finding(f"kind_{i:02d}", "error" if i > 20 else "note") for i in range(25))
    document = CheckDocument(tuple(Check(f"s{i}", "", True, findings) for i in range(11)))
    console = Console(file=io.StringIO(), width=100)
    show_checks(document, {}, console)
    assert isinstance(console.file, io.StringIO)
    out = console.file.getvalue()
    assert out.count("text of kind_") == 20
    assert out.index("kind_21") < out.index("kind_00")
    assert "kind_16" not in out and "and 5 kinds of lesser findings: --json has all" in out
