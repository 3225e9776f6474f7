from bench.analysis.run_problems import problems
from bench.analysis.summary import summarise
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}, "native/tcp": {16: 3e4}}


def make_problems(status: str = "ok", codes: str = "", arm: str = "select/tcp") -> list[str]:
    """Return the problems of a run. status, codes: of all trials of one arm."""
    rows = synthetic.make_run(RATES, blocks=3, rounds=2)
    of_arm = rows.trials["arm"] == arm
    trials = rows.trials.assign(
        status=rows.trials["status"].mask(of_arm, status), codes=rows.trials["codes"].astype(object).mask(of_arm, codes)
    )
    return problems(summarise(trials, rows.slices, DEFAULT_THRESHOLDS), trials)


def test_problems_of_sound_run_are_empty() -> None:
    assert make_problems() == []


def test_problems_name_invalid_headlines() -> None:
    assert make_problems(codes="CORRUPT_REPLIES=1") == ["the numbers of select/tcp (capacity) are invalid"]


def test_problems_name_arms_that_always_failed() -> None:
    assert make_problems(status="failed") == ["select/tcp (capacity) could not be measured in any block"]
    assert make_problems(status="skipped") == []


def test_problems_contain_a_run_in_which_everything_was_skipped() -> None:
    rows = synthetic.make_run(RATES, blocks=3, rounds=2)
    competing = ~rows.trials["arm"].str.startswith("native")
    skipped = rows.trials.assign(
        status=rows.trials["status"].mask(competing, "skipped"),
        reason=rows.trials["reason"].astype(object).mask(competing, "a reply takes 40 s"),
    )
    no_search = summarise(skipped, rows.slices, DEFAULT_THRESHOLDS)
    found = problems(no_search, skipped)
    assert found == ["nothing was measured: every case was skipped, e.g. asyncio/tcp: a reply takes 40 s"]
    searched = no_search.assign(arm="asyncio/tcp", status="ok", reason="")
    assert problems(searched, skipped) == []


def test_problems_ignore_baselines() -> None:
    assert make_problems(codes="CORRUPT_REPLIES=1", arm="native/tcp") == []
    assert make_problems(status="failed", arm="native/tcp") == []
