import math
from typing import Any

import pandas as pd
import pytest

from bench.report.answers import answers
from bench.report.asyncio_reads import asyncio_reads


def make_row(arm: str, reference: str, ratio: float, conclusion: str, **values: Any) -> dict[str, Any]:
    row = {"arm": arm, "reference": reference, "ratio": ratio, "low": 0.9 * ratio, "high": 1.1 * ratio}
    return {**row, "conclusion": conclusion, "kind": "reference", "verdict": "valid", **values}


def test_faster_buffered_protocol_is_one_sentence_with_its_figures() -> None:
    row = make_row("asyncio_buffered/tcp", "asyncio/tcp", 2.0, "faster")
    assert asyncio_reads([row], "throughput_rps") == (
        "Over TCP, asyncio_buffered (asyncio.BufferedProtocol) has 2.00 times the requests per second of asyncio "
        "(1.80 to 2.20): asyncio itself asks for 256 KiB at each read (docs/asyncio-reads.md)."
    )


def test_ratio_is_inverted_where_asyncio_comes_first() -> None:
    row = make_row("asyncio/udp", "asyncio_reader/udp", 0.5, "slower", kind="pair")
    sentence = asyncio_reads([row], "throughput_rps")
    assert sentence.startswith("Over UDP, asyncio_reader (loop.add_reader) has 2.00 times ")
    assert "(1.82 to 2.22): asyncio itself" in sentence


def test_interpreters_are_named() -> None:
    row = make_row("asyncio_buffered/tcp@3.13", "asyncio/tcp@3.13", 2.0, "faster", kind="pair")
    sentence = asyncio_reads([row], "throughput_rps")
    assert "asyncio_buffered@3.13 (asyncio.BufferedProtocol) has" in sentence
    assert "of asyncio@3.13 (" in sentence


def test_equivalent_and_slower_alternatives_report_no_loss() -> None:
    equivalent = make_row("asyncio_buffered/tcp", "asyncio/tcp", 1.01, "equivalent")
    assert "which is equivalent" in asyncio_reads([equivalent], "throughput_rps")
    slower = make_row("asyncio_buffered/tcp", "asyncio/tcp", 0.8, "slower")
    assert "cost nothing here" in asyncio_reads([slower], "throughput_rps")


@pytest.mark.parametrize(
    "row",
    [
        make_row("asyncio_buffered/tcp", "asyncio/tcp", 1.3, "inconclusive"),
        make_row("asyncio_buffered/tcp", "asyncio/tcp", 2.0, "faster", verdict="invalid"),
        make_row("asyncio_buffered/tcp@3.13", "asyncio/tcp", 2.0, "faster"),
        make_row("asyncio/tcp~control", "asyncio/tcp", 1.0, "equivalent", kind="control"),
        make_row("asyncio_reader/tcp", "asyncio/tcp", 1.3, "faster"),
        make_row("asyncio/udp", "asyncio/tcp", 0.3, "slower", kind="transports"),
    ],
    ids=["inconclusive", "invalid", "other interpreter", "control", "other model", "transports"],
)
def test_no_sentence_without_a_conclusion_on_both_models(row: dict[str, Any]) -> None:
    assert asyncio_reads([row], "throughput_rps") == ""


def test_cost_figures_give_no_sentence() -> None:
    row = make_row("asyncio_buffered/tcp", "asyncio/tcp", 0.5, "faster")
    assert asyncio_reads([row], "cpu_us_per_request") == ""


def test_answers_contain_the_sentence() -> None:
    common = {"scenario": "capacity", "scenario_kind": "capacity", "connections": 16, "message_bytes": 64}
    common |= {
        "population": "",
        "phase": "",
        "rate_rps": math.nan,
        "metric": "throughput_rps",
        "codes": "",
        "blocks": 12,
        "p_holm": 0.001,
    }
    row = common | make_row("asyncio_buffered/tcp", "asyncio/tcp", 2.0, "faster", low=1.9, high=2.1)
    (answer,) = answers(pd.DataFrame([row]))
    assert any("(asyncio.BufferedProtocol) has 2.00 times the requests per second" in text for text in answer.ratios)
