import pandas as pd

from bench.report.answers import answers
from bench.report.udp_price import losses, udp_notes
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import results_of

RATES = {f"{model}/{over}": {16: 3e4} for model in ("asyncio", "select") for over in ("tcp", "udp")}


def make_rows(lost: int) -> synthetic.Rows:
    """Return a run whose select over UDP lost requests in each block."""
    rows = synthetic.make_run(RATES, blocks=6, rounds=4)
    over_udp = rows.trials["arm"].str.endswith("udp")
    trials = rows.trials.assign(
        sent=1_000,
        lost=(rows.trials["arm"] == "select/udp") * lost * (1 + rows.trials["block"] % 2),
        rcvbuf=over_udp * 1_966_080 + 131_072,
        sndbuf=over_udp * 2_080_768 + 16_384,
    )
    return synthetic.Rows(rows.slices, trials, rows.histograms)


def test_loss_has_the_interval_of_its_blocks_or_none() -> None:
    texts = {arm: str(loss) for arm, loss in losses(make_rows(10).trials).items()}
    assert texts["select/udp"] == "1.5% [1%, 2%]"
    assert texts["asyncio/udp"] == "none of 6.00k"


def test_tables_and_ratios_have_the_loss_over_udp() -> None:
    rows = make_rows(10)
    summary, comparisons = results_of(rows)
    for text in make_report(summary, comparisons, rows.trials):
        assert "requests lost" in text
        assert "Lost over UDP, which does not retransmit: select 1.5%" in text
        assert "of its 12.0k requests, 0.75% were lost, most with select (1.5%)." in text.replace("\\", "")
    (answer,) = answers(comparisons, trials=make_rows(0).trials)
    assert "Over UDP, which does not retransmit, none of 12.0k requests was lost." in answer.ratios


def test_notes_on_udp_have_the_sizes_of_both_socket_buffers() -> None:
    trials = make_rows(0).trials
    loss, buffers = udp_notes(trials)
    assert loss == "UDP does not retransmit. In this run none of its 12.0k requests was lost."
    assert "UDP had 2,048 KiB to receive and 2,048 KiB to send" in buffers
    assert "TCP started with 128 KiB and 16 KiB" in buffers
    assert udp_notes(trials[trials["transport"] == "udp"]) == []
    assert udp_notes(pd.DataFrame()) == []
