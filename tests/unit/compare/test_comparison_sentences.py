import json
from dataclasses import replace

import pytest

from bench.compare.comparison_sentences import count_conclusions, detail_lines, first_sentences
from bench.compare.digest import make_digest
from bench.compare.gate_sentences import describe_gate
from bench.compare.gates import parse_rule
from bench.compare.run_comparison import RunComparison, compare_runs, json_lines
from bench.compare.run_values import RunValues
from tests.support.languages import spanish_texts
from tests.unit.compare.builders import make_failing_values, make_values, make_values_with_baseline

OTHER_MACHINE = ("cpu_model: A before, B now", "kernel: 6.1 before, 6.8 now", "python: 3.11 before, 3.12 now")


def make_comparison(
    before: RunValues, after: RunValues, *rules: str, environment: tuple[str, ...] = ()
) -> RunComparison:
    return compare_runs(["monday", "tuesday"], environment, (before, after), [parse_rule(rule) for rule in rules])


def make_sentences(comparison: RunComparison) -> list[str]:
    return first_sentences(comparison, make_digest(comparison.changes), 0.05)


def test_gate_is_the_first_sentence() -> None:
    comparison = make_comparison(make_values(1), make_values(2, 0.8), "throughput_rps<-5%", "memory_mb>5%")
    first = make_sentences(comparison)[0]
    assert first == "gate throughput_rps<-5% fails in 1 case; gate memory_mb>5% passes in 2 comparisons"


@pytest.mark.parametrize("environment", [(), OTHER_MACHINE])
def test_first_sentences_are_at_most_five(environment: tuple[str, ...]) -> None:
    runs = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.88, of_select=0.7)
    comparison = make_comparison(*runs, "throughput_rps<-5%", environment=environment)
    assert 3 <= len(make_sentences(comparison)) <= 5


def test_other_machine_puts_ratios_to_the_baseline_first() -> None:
    runs = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.88)
    comparison = make_comparison(*runs, environment=OTHER_MACHINE)
    machine, relative, *_ = make_sentences(comparison)
    assert machine == (
        "another machine: cpu_model: A before, B now; kernel: 6.1 before, 6.8 now; 1 other difference (listed last)"
    )
    assert relative.startswith("relative to native: requests/s ")
    (drift,) = (line for line in detail_lines(comparison) if line.startswith("machine drift: "))
    assert drift.startswith("machine drift: native has requests/s 12% lower at 1 of 1 load point")


def test_same_processor_is_no_other_machine() -> None:
    comparison = make_comparison(make_values(1), make_values(2), environment=OTHER_MACHINE[1:])
    assert make_sentences(comparison)[0].startswith("different environment: kernel: ")


def test_missing_servers_are_in_the_first_sentences() -> None:
    (*_, last) = make_sentences(make_comparison(make_values(1), make_failing_values()))
    assert last.endswith("; 1 server without a value that monday has")


def test_conclusions_are_counted_without_words_of_speed() -> None:
    comparison = make_comparison(make_values(1), make_values(2, 0.8))
    line = count_conclusions(comparison.changes)
    assert "different" in line
    assert "slower" not in line


def test_differences_are_counted_in_spanish() -> None:
    comparison = make_comparison(make_values(1), make_values(2, 0.8))
    with spanish_texts():
        assert "distinta" in count_conclusions(comparison.changes)


def test_undecided_gate_states_what_it_detects_and_what_to_do() -> None:
    comparison = make_comparison(make_values(1), make_values(2), "throughput_rps<-1%")
    power, first, second, remedy = describe_gate(comparison.gates[0], comparison.names)
    assert power.startswith("gate throughput_rps<-1%: the smallest detectable change is ")
    assert first.startswith("undecided: asyncio/tcp, capacity, 16 connections, 64 bytes: throughput_rps ")
    assert "blocks in each run would detect 1.0%" in second
    assert "--allow-undecided" in remedy


def test_invalid_figures_are_in_no_sentence() -> None:
    values = [make_values_with_baseline(seed, machine) for seed, machine in ((1, 1.0), (2, 0.88))]
    comparison = make_comparison(values[0], values[1], environment=OTHER_MACHINE)
    invalid = [replace(change, verdict="invalid", figures_verdict="invalid") for change in comparison.changes]
    lines = [*make_sentences(replace(comparison, changes=invalid)), *detail_lines(replace(comparison, changes=invalid))]
    assert not [line for line in lines if line.startswith(("relative to", "machine drift: "))]


def test_largest_change_is_in_the_sentence_of_differences() -> None:
    lines = make_sentences(make_comparison(make_values(1), make_values(2, 0.8)))
    (line,) = (line for line in lines if "show a difference of 5% or more" in line)
    assert "; the largest: " in line
    assert " of select/tcp " in line.partition("; the largest: ")[2]


@pytest.mark.parametrize(
    ("conclusions", "sentence"),
    [
        (("equivalent", "equivalent"), "no difference in 2 comparisons: each is known to be below 5%"),
        (
            ("equivalent", "inconclusive"),
            "no significant difference in 2 comparisons: 1 known to be below 5%; no conclusion is possible for 1",
        ),
        (
            ("inconclusive", "inconclusive"),
            "no conclusion in any of 2 comparisons: a change may be there, but these runs are too noisy or too short",
        ),
    ],
)
def test_unknown_differences_are_not_called_small(conclusions: tuple[str, ...], sentence: str) -> None:
    comparison = make_comparison(make_values(1), make_values(2))
    changes = [replace(comparison.changes[0], conclusion=conclusion) for conclusion in conclusions]
    assert sentence in make_sentences(replace(comparison, changes=changes))


def test_sentence_of_differences_counts_the_others() -> None:
    comparison = make_comparison(make_values(1), make_values(2, 0.8))
    change = next(change for change in comparison.changes if change.conclusion == "slower")
    changes = [change, *(replace(change, conclusion=word) for word in ("equivalent", "inconclusive", "inconclusive"))]
    (line,) = (line for line in make_sentences(replace(comparison, changes=changes)) if "show a difference" in line)
    assert line.startswith("1 of 4 comparisons show")
    assert line.endswith("; 1 known to be below 5%; no conclusion is possible for 2")


def test_json_counts_known_and_unknown_differences() -> None:
    comparison = make_comparison(make_values(1), make_values(2))
    changes = [replace(comparison.changes[0], conclusion=word) for word in ("slower", "equivalent", "inconclusive")]
    summary = json.loads(json_lines(replace(comparison, changes=changes))[-1])
    counts = {"comparisons": 3, "different": 1, "equivalent": 1, "inconclusive": 1, "invalid": 0}
    assert summary == {"type": "summary", "runs": ["monday", "tuesday"], **counts}
