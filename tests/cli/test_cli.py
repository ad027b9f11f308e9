"""The command line: what is printed, where, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from esim.cli import app, main
from tests.paths import DATA

TINY = str(DATA / "tiny" / "sagemaker")
TABLE = str(DATA / "tiny" / "table")
AS_LOSS = ["--objective", "validation:loss", "--direction", "minimize"]


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


def run_main(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["esim", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_replay_says_what_was_saved_and_what_it_cost() -> None:
    out = run("replay", TINY, "--clock", "order", "--price", "3.6").output
    assert "saved 36.7 % of the steps" in out
    assert "kept the best trial" in out
    assert "0.31 USD" in out
    assert "0.20 USD" in out
    assert "one after another" in out


def test_a_gap_between_jobs_stands_beside_the_makespan() -> None:
    out = run("replay", TINY, "--workers", "2", "--slot-gap-s", "90").output
    assert "makespan (90.0 s between jobs)" in out
    assert "between jobs" not in run("replay", TINY, "--workers", "2").output  # none recorded
    as_recorded = run("replay", TINY, "--workers", "2", "--slot-gap-s", "recorded", "--json")
    (study,) = json.loads(as_recorded.stdout)["studies"]
    assert (study["costs"]["slot_gap_s"], study["summary"]["slot_gap_s"]) == (None, 0.0)
    for wrong in ("-1", "inf", "often"):
        refused = run("replay", TINY, "--workers", "2", "--slot-gap-s", wrong, code=2)
        assert "neither a number of seconds" in refused.output


def test_stops_on_the_last_report_are_told_apart() -> None:
    out = run("replay", TINY, "--clock", "order").output
    assert "at their last report" in out


def test_replay_json_is_the_document_and_nothing_else() -> None:
    out = run("replay", TINY, "--clock", "order", "--json").stdout
    document = json.loads(out, parse_constant=pytest.fail)
    assert document["studies"][0]["summary"]["steps_run"] == 19
    assert document["inputs"][0]["format"] == "sagemaker"
    assert len(document["inputs"][0]["sha256"]) == 64
    assert document["totals"]["steps_saved_fraction"] == pytest.approx(11 / 30)


def test_the_same_bytes_every_time() -> None:
    first, second = (run("replay", TINY, "--readings", "--json").stdout for _ in range(2))
    assert first == second


def test_readings_give_every_number_its_range() -> None:
    document = json.loads(run("replay", TINY, "--readings", "--json").stdout)
    study = document["studies"][0]
    low, high = study["ranges"]["steps_saved_fraction"]
    assert low <= study["summary"]["steps_saved_fraction"] <= high
    assert low < high
    codes = [row["code"] for row in study["readings"]]
    assert codes[0] == "-"
    assert {"A2", "B3", "E2", "H3", "I2", "J2", "K2"} <= set(codes)
    assert "over readings" in run("replay", TINY, "--readings").output


def test_out_holds_result_tables_and_figures(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    run("replay", TINY, TABLE.replace("tiny", "mlp_digits"), "--out", str(out), code=1)
    assert not out.exists()
    run("replay", TINY, "--clock", "order", "--out", str(out))
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert document["schema"] == "esim.replay/1"
    trials = pq.read_table(out / "trials.parquet").to_pylist()
    assert [row["steps_run"] for row in trials] == [5, 1, 5, 5, 2, 1]
    assert pq.read_table(out / "decisions.parquet").num_rows == 19
    figures = {path.suffix for path in (out / "figures").iterdir()}
    assert figures == {".svg", ".png"}
    run("replay", TINY, "--out", str(out))  # its own folder may be replaced
    (out / "notes.txt").write_text("mine")
    refused = CliRunner().invoke(app, ["replay", TINY, "--out", str(out)])
    assert refused.exit_code == 2 and "notes.txt" in refused.output
    assert (out / "notes.txt").read_text() == "mine"


def test_explain_by_name_and_by_number(tmp_path: Path) -> None:
    by_name = run("explain", TINY, "tiny-005-00000005", "--clock", "order").output
    by_number = run("explain", TINY, "5", "--clock", "order", "--out", str(tmp_path / "e")).output
    assert by_name == by_number
    assert "Stopped at step 2" in by_name
    document = json.loads(run("explain", TINY, "5", "--clock", "order", "--json").stdout)
    stop = [row for row in document["rows"] if row["verdict"] == "stop" and row["ran"]]
    assert [(row["step"], row["threshold"], row["peers"]) for row in stop] == [(2, 5, 3)]
    assert {p.suffix for p in (tmp_path / "e").glob("[!.]*")} == {".json", ".svg", ".png"}


def test_explain_knows_how_long_a_stop_takes() -> None:
    """As tests/test_tiny.py works it out: told at step 1, at 10 s, it trains on to 30 s."""
    late = run("explain", TINY, "2", "--clock", "order", "--stop-latency-s", "20").output
    assert "Stopped at step 3, decided at step 1" in late
    never = run("explain", TINY, "2", "--clock", "order", "--stop-latency-s", "1000").output
    assert "it reached its end before a stop could take effect" in " ".join(never.split())


def test_convert_and_replay_again(tmp_path: Path) -> None:
    out = tmp_path / "parquet"
    run("convert", TINY, str(out))
    expected = json.loads(run("replay", TINY, "--json").stdout)["studies"]
    actual = json.loads(run("replay", str(out), "--json").stdout)["studies"]
    assert actual == expected


def test_of_many_studies_convert_lists_the_first(tmp_path: Path) -> None:
    rows = [f"s{i:02},{t},{s},{'' if i > 21 else t + s}" for i in range(25) for t in (1, 2)
            for s in (1, 2)]  # fmt: skip
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["study,trial,step,loss", *rows, "s24,3,1,1", "s24,3,2,1"]))
    said = run("convert", str(table), str(tmp_path / "h"), "--direction", "min").output
    assert "\ns19: 2 trials, 4 reports\n" in said and "\ns20:" not in said
    assert "and 5 studies more" in said
    assert "\n  note on 3 studies of them: s22: 4 reports have no value (NaN)\n" in said
    assert said.endswith(f"25 studies in {tmp_path / 'h'}\n")


@pytest.mark.parametrize("words", [["rules"], ["rules", "sagemaker"], ["formats"], ["--version"]])
def test_listings(words: list[str]) -> None:
    assert run(*words).output.strip()


def test_rules_show_every_column() -> None:
    from esim.rules import PRESETS

    out = run("rules", "sagemaker").output
    assert all(column in out for column in PRESETS["sagemaker"].parameters)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rule", "sagemakr"], "sagemaker"),
        (["--set", "ownn=best"], "own"),
        (["--set", "own=worst"], "current, best, average"),
        (["--set", "min_peers=two"], "whole number"),
        (["--clock", "wall"], "order, recorded or simulated"),
        (["--clock", "order", "--workers", "3"], "clock simulated"),
        (["--workers", "0"], "workers"),
        (["--final", "first"], "last or best"),
        (["--price", "-1"], "price"),
        (["--direction", "up"], "minimize or maximize"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_2(words: list[str], said: str) -> None:
    out = run("replay", TINY, *words, code=2).output
    assert said in " ".join(out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "nowhere"], "nowhere"),
        (["replay", TABLE], "direction"),
        (["replay", TINY, "--objective", "validation:los"], "validation:loss"),
        (["explain", TINY, "tiny-07"], "tiny-00"),
        (["explain", TINY, "7"], "1 to 6"),
    ],
)
def test_logs_that_cannot_be_used_are_1(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, out, err = run_main(capsys, monkeypatch, *words)
    assert code == 1
    assert out == ""
    assert err.startswith("esim: ")
    assert said in err


def test_names_from_logs_do_no_harm_on_a_terminal(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    name = "\x1b[31m[bold]x[/bold]\x07" + "y" * 300
    table.write_text(f'trial,step,loss\n"{name}",1,2\nb,1,1\n', encoding="utf-8")
    out = run("replay", str(table), "--direction", "minimize").output
    assert "\x07" not in out
    assert "\x1b[31m[bold]" not in out


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("replay", TINY, "--out", str(out))
    page = out / "report.html"
    page.write_text("a person's")
    for command in (["report", str(out)], ["replay", TINY, "--out", str(out)]):
        refused = CliRunner().invoke(app, command)
        said = "".join(refused.output.replace("│", " ").split())
        assert refused.exit_code == 2 and "report.html" in said
    assert page.read_text() == "a person's"
    run("report", str(out), "--out", str(page))  # named, so it goes
    run("report", str(out))
    run("replay", TINY, "--out", str(out))
    assert not page.exists()
    document = tmp_path / "alone.json"
    document.write_text((out / "result.json").read_text())
    run("report", str(document))
    run("report", str(document))
    (tmp_path / "report.html").write_text("a person's")
    assert CliRunner().invoke(app, ["report", str(document)]).exit_code == 2


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["explain"], "logs"),
        (["explain", TINY], "trial"),
        (["explain", TINY, "--clock", "order"], "trial"),
        (["convert"], "logs"),
        (["convert", TINY], "out"),
        (["replay"], "logs"),
    ],
)
def test_the_argument_that_was_left_out_is_named(command: list[str], missing: str) -> None:
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2 and f"Missing argument '{missing}'" in refused.output


def test_a_trial_by_its_beginning() -> None:
    whole = run("explain", TINY, "tiny-005-00000005", "--clock", "order").output
    assert run("explain", TINY, "tiny-005", "--clock", "order").output == whole
    refused = CliRunner().invoke(app, ["explain", TINY, "tiny-00"])
    assert "6 trials in study 'tiny' begin with 'tiny-00'" in str(refused.exception)
    assert "tiny-001-00000001, tiny-002-00000002" in str(refused.exception)


def test_a_currency_needs_a_price() -> None:
    refused = CliRunner().invoke(app, ["replay", TINY, "--currency", "EUR"])
    assert refused.exit_code == 2 and "--currency EUR without a price" in refused.output
    told = run("replay", TINY, "--currency", "EUR", "--price", "2", "--json").output
    assert json.loads(told)["studies"][0]["costs"]["currency"] == "EUR"
    told = run("replay", TINY, "--price", "2", "--json").output
    assert json.loads(told)["studies"][0]["costs"]["currency"] == "USD"


@pytest.mark.parametrize("command", ["replay", "check", "compare", "certify", "estimate",
                                     "explain", "identify", "convert"])  # fmt: skip
def test_all_that_read_logs_read_them_by_the_same_flags(command: str) -> None:
    helped = run(command, "--help").output
    for flag in ("--objective", "--direction", "--study", "--trial", "--step", "--where"):
        assert flag in helped, flag
