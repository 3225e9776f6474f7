from bench.report.trade_charts import answered
from tests.unit.report.test_cost_latency import FEW, make_tables, request_of


def test_chart_without_an_answer_is_left_out_with_a_remark() -> None:
    tables = make_tables(FEW)
    request = request_of(tables)
    assert answered([request], tables) == ([request], {})
    alone = make_tables({arm: figures for arm, figures in FEW.items() if arm != "select/tcp"})
    kept, remarks = answered([request_of(alone)], alone)
    assert kept == []
    assert remarks["latency"].startswith("No chart of CPU time against latency: ")
