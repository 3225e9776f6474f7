import pytest

from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import (
    QUANTILES,
    Figure,
    QualityCode,
    Quantity,
    Thresholds,
    describe_flags,
    doubts,
    findings,
    format_flags,
    worst_verdict,
)

RATE = Figure(Quantity.RATE)


def test_thresholds_changed_lists_each_difference() -> None:
    thresholds = Thresholds(CATALOGUE, {"RUN_DELAY": [0.05, 0.2], "CPU_STEAL": [0.02]})
    assert thresholds.changed() == [
        "RUN_DELAY: suspect 0.05, invalid 0.2 (default: suspect 0.01, invalid 0.05)",
        "CPU_STEAL: suspect 0.02, invalid 0.05 (default: suspect 0.01, invalid 0.05)",
    ]
    assert DEFAULT_THRESHOLDS.changed() == []


@pytest.mark.parametrize(
    ("changes", "named"), [({"SPEED": [1.0]}, "SPEED"), ({"LOSS": []}, "LOSS"), ({"LOSS": [1.0, 2.0, 3.0]}, "LOSS")]
)
def test_thresholds_reject_unknown_code_and_wrong_length(changes: dict[str, list[float]], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Thresholds(CATALOGUE, changes)


def test_merge_keeps_the_worst_value_of_each_code() -> None:
    cells = [
        "LOSS=0.010% UNFAIR_SERVICE=90.0%",
        "",
        "UNFAIR_SERVICE=70.0% LOSS=0.020%",
        "LOSS=0.015% SHARED_CPUS",
        "NEW=3",
    ]
    flags = [flag for cell in cells for flag in DEFAULT_THRESHOLDS.parse(cell)]
    merged = format_flags(DEFAULT_THRESHOLDS.merge(flags))
    assert merged == "SHARED_CPUS LOSS=0.020% UNFAIR_SERVICE=70.0% NEW=3"


def test_worst_verdict_of_several() -> None:
    assert worst_verdict(["valid", "invalid", "suspect"]) == "invalid"
    assert worst_verdict([""]) == "valid"
    assert worst_verdict([]) == "valid"


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([""] * 10, "valid"),
        (["RUN_DELAY=2.0%"] * 4 + [""] * 6, "valid"),
        (["RUN_DELAY=2.0%"] * 5 + [""] * 5, "suspect"),
        (["RUN_DELAY=9.0%"] + [""] * 9, "suspect"),
        (["RUN_DELAY=9.0%"] * 5 + [""] * 5, "invalid"),
        (["RUN_DELAY=9.0%"] * 4 + ["CPU_STEAL=9.0%"] * 4 + [""] * 2, "suspect"),
        (["GENERATOR_GC=1"] + [""] * 9, "suspect"),
        (["LATE_REPLIES=1 UNFAIR_SERVICE=20.0%"] * 10, "valid"),
        (["CORRUPT_REPLIES=1"] + [""] * 9, "invalid"),
    ],
)
def test_verdict_of_blocks_is_milder_for_transient_codes(cells: list[str], verdict: str) -> None:
    assert DEFAULT_THRESHOLDS.verdict_of_blocks([DEFAULT_THRESHOLDS.parse(cell) for cell in cells], RATE) == verdict


@pytest.mark.parametrize(
    ("percentile", "verdict"), [("p50", "valid"), ("p90", "valid"), ("p99", "suspect"), ("p99.9", "invalid")]
)
def test_late_sends_hurt_a_percentile_with_few_requests_beyond(percentile: str, verdict: str) -> None:
    flags = [DEFAULT_THRESHOLDS.flag("LATE_SENDS", 0.005, name) for name in QUANTILES]
    assert DEFAULT_THRESHOLDS.worst(flags, Figure(Quantity.LATENCY, percentile)) == verdict
    assert DEFAULT_THRESHOLDS.worst(flags) == DEFAULT_THRESHOLDS.worst(flags, Figure(Quantity.CPU_TIME)) == "valid"


def test_flag_of_a_percentile_concerns_no_other() -> None:
    (flag,) = DEFAULT_THRESHOLDS.parse("LATENESS_IN_LATENCY@p99.9=30.0%")
    concerned = [name for name in QUANTILES if flag.concerns(Figure(Quantity.LATENCY, name))]
    assert (concerned, str(flag)) == (["p99.9"], "LATENESS_IN_LATENCY@p99.9=30.0%")
    assert not flag.concerns(Figure(Quantity.SERVICE_TIME, "p99.9"))


def test_flag_of_an_older_run_concerns_every_percentile() -> None:
    (flag,) = DEFAULT_THRESHOLDS.parse("LATENESS_IN_LATENCY=30.0%")
    assert all(flag.concerns(Figure(Quantity.LATENCY, name)) for name in QUANTILES)


def test_finding_leads_to_no_doubt_at_any_value() -> None:
    flags = DEFAULT_THRESHOLDS.parse("STARVED_CONNECTIONS=900 RUN_DELAY=2.0% LOSS=90.000%")
    assert format_flags(findings(flags)) == "STARVED_CONNECTIONS=900 LOSS=90.000%"
    assert format_flags(doubts(flags)) == "RUN_DELAY=2.0%"
    assert DEFAULT_THRESHOLDS.worst(findings(flags)) == "valid"


def test_transient_finding_counts_if_half_of_the_blocks_have_it() -> None:
    def of(*cells: str) -> str:
        found = DEFAULT_THRESHOLDS.findings_of_blocks([DEFAULT_THRESHOLDS.parse(cell) for cell in cells])
        return format_flags(found)

    assert of("CONNECTION_WAIT=2.0%", "", "CONNECTION_WAIT=3.0%", "") == "CONNECTION_WAIT=3.0%"
    assert of("CONNECTION_WAIT=2.0%", "", "", "") == ""
    assert of("LOSS=1.000%", "", "", "") == "LOSS=1.000%"


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [
        ("CPU_STEAL=2.0%", "suspect"),
        ("CPU_STEAL=6.0%", "invalid"),
        ("LOSS=0.200%", "valid"),
        ("SHARED_CPUS", "suspect"),
        ("NEW=3", "suspect"),
    ],
)
def test_parsed_flag_leads_to_its_verdict(cell: str, verdict: str) -> None:
    (flag,) = DEFAULT_THRESHOLDS.parse(cell)
    assert DEFAULT_THRESHOLDS.verdict(flag) == verdict
    assert str(flag) == cell


def test_findings_are_what_the_server_did_and_nothing_else() -> None:
    assert {name for name, code in CATALOGUE.items() if code.is_finding} == {
        "STARVED_CONNECTIONS",
        "LOSS",
        "OPEN_LOOP_LOSS",
        "UNEXPLAINED_LOSS",
        "OVERLOAD",
        "SILENT_PHASE",
        "UNSENT",
        "CONNECTION_WAIT",
        "DELAYED_ACK",
        "SYN_RETRANSMITS",
        "LATE_REPLIES",
        "CONNECTIONS_CLOSED",
        "CONNECTIONS_RESET",
        "CONNECTIONS_REFUSED",
        "ERRORS",
        "UNFAIR_SERVICE",
    }


@pytest.mark.parametrize("code", CATALOGUE.values(), ids=CATALOGUE)
def test_catalogue_finding_has_one_threshold(code: QualityCode) -> None:
    assert not code.is_finding or code.invalid is None


@pytest.mark.parametrize("code", CATALOGUE.values(), ids=CATALOGUE)
def test_catalogue_code_has_meaning_and_advice(code: QualityCode) -> None:
    assert code.name == code.name.upper()
    assert code.meaning
    assert code.advice


def test_unknown_code_has_no_meaning() -> None:
    (flag,) = DEFAULT_THRESHOLDS.parse("WHAT=1{x}")
    assert (flag.code.meaning, str(flag)) == ("", "WHAT=1{x}")


@pytest.mark.parametrize("code", CATALOGUE.values(), ids=lambda code: code.name)
def test_catalogue_code_has_a_short_form_for_its_value(code: QualityCode) -> None:
    assert code.short
    assert ("{}" in code.short) == bool(code.format)


def test_flags_are_described_with_their_codes() -> None:
    flags = DEFAULT_THRESHOLDS.parse("RUN_DELAY=2.1% SHARED_CPUS NEW=3")
    assert describe_flags(flags) == (
        "generator preempted 2.1% of the time (RUN_DELAY), generator and server shared their CPUs (SHARED_CPUS), NEW=3"
    )


def test_single_connection_is_singular() -> None:
    (one, several) = DEFAULT_THRESHOLDS.parse("CONNECTIONS_CLOSED=1 CONNECTIONS_RESET=21")
    assert one.short_description == "the server closed 1 connection early"
    assert several.short_description == "the server reset 21 connections"


def test_doubt_about_costs_or_a_percentile_alone_leaves_the_row_valid() -> None:
    flags = DEFAULT_THRESHOLDS.parse("CPU_TIME_UNKNOWN CPU_TIME_COARSE=20.0% LATE_SENDS@p99=5.00%")
    assert DEFAULT_THRESHOLDS.worst(flags) == "valid"
    assert DEFAULT_THRESHOLDS.worst(DEFAULT_THRESHOLDS.parse("BLOCKED_BY_LOSS=2.0%")) == "suspect"
    assert DEFAULT_THRESHOLDS.worst(DEFAULT_THRESHOLDS.parse("CPU_TIME_IMPOSSIBLE")) == "invalid"
