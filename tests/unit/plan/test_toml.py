import tomllib
from pathlib import Path

import pytest

from bench.plan import toml
from bench.plan.definition import PlanError

HEAD = "name='x'\nmodels=['select']\n"


def make_text(scenario: str, head: str = HEAD) -> str:
    return f"{head}scenarios=[{{{scenario}}}]"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("name = 3", ["mine.toml", "name = 3", "text in quotes"]),
        ("nam = 'x'", ["mine.toml", "unknown key `nam`", "did you mean `name`?", "models"]),
        (make_text("nam='a'"), ["scenario number 1", "unknown key `nam`", "did you mean `name`?", "connections"]),
        (make_text("name='a', connections=[1]"), ["scenario 'a'", "key `seconds` is missing"]),
        (f"{HEAD}transports=['sctp']", ["transports = 'sctp'", "tcp, udp"]),
        (
            make_text("name='a', connections=[1], seconds=1, blocks=3"),
            ["plan mine.toml: scenario 'a': `blocks` belongs at the top of the plan"],
        ),
        (f"{HEAD}external_servers=[{{name='y', seed=1}}]", ["external server 'y': `seed` belongs at the top"]),
        (f"{HEAD}connections=[1]", ["plan mine.toml: `connections` belongs in a [[scenarios]] table"]),
        (f"{HEAD}command=['x']", ["`command` belongs in a [[external_servers]] table"]),
        (f"{HEAD}[scenarios]\nname='a'", ["[scenarios] is a single table; write [[scenarios]]"]),
        (f"{HEAD}[external_servers]\nname='a'", ["write [[external_servers]]"]),
        ("name = [", ["mine.toml", "not valid TOML"]),
        ('"a\\nb" = 1', ["unknown key `a b`"]),
        ('name = "x\\n"', ["name = 'x\\n'", "not a valid name"]),
        (f"{HEAD}thresholds={{GENERATOR_SATURATED=[nan]}}", ["GENERATOR_SATURATED = nan", "finite"]),
        (make_text("name='a', connections=[1], seconds=inf"), ["seconds = inf"]),
        (
            make_text("name='a', connections=[1], seconds=1, rate='often'"),
            ["scenario 'a': rate = 'often'", "common, highest", "rate_rps"],
        ),
        (make_text("name='a', connections=[1], seconds=1, rate=0.5"), ["rate = 0.5", "capacity_share"]),
        (make_text("name='a', connections=[1], seconds=1, capacity_share=2"), ["capacity_share = 2", "at most 1;"]),
        (make_text("name='a', connections=[1], seconds=1, rate_rps=2e7"), ["rate_rps = 20000000", "1e7 requests"]),
        (
            make_text("name='a', connections=[1], seconds=1, rate='common', capacity_share=0.5"),
            ["plan mine.toml: scenario 'a': rate and capacity_share exclude each other"],
        ),
        (make_text("name='a', connections=[0], seconds=1"), ["connections = 0 must be at least 1"]),
        (make_text("name='a', connections=32, seconds=1"), ["connections = 32", "write connections = [32]"]),
        (make_text("name='a', connections=[], seconds=1"), ["connections = []", "must not be empty"]),
        ("name='x'\nmodels='select'", ['write models = ["select"]']),
        (
            f"{HEAD}external_servers=[{{name='y', command='php echo.php {{port}}'}}]",
            ["external server 'y'", 'write command = ["php", "echo.php", "{port}"]'],
        ),
        (
            f"{HEAD}external_servers=[{{name='y', command=\"sh -c 'exec ./a' {{port}}\"}}]",
            ['write command = ["sh", "-c", "exec ./a", "{port}"]'],
        ),
        (f"{HEAD}external_servers=[{{name='y', transports='udp'}}]", ['write transports = ["udp"]']),
        (f"{HEAD}external_servers=[{{name='y', transports=['ucp']}}]", ["must be one of tcp, udp"]),
        (f"{HEAD}external_servers=[{{name='y', environment={{A=1}}}}]", ["environment", 'as in {PORT = "{port}"}']),
        (f"{HEAD}target_precision=3", ["target_precision = 3", "at most 0.5", "0.03 for ±3%"]),
        (f"{HEAD}blocks=0", ["blocks = 0", "must be at least 1"]),
        (f"{HEAD}external_servers=[{{name='y', comand=['z']}}]", ["external server 'y'", "did you mean `command`?"]),
    ],
)
def test_decode_error_names_file_table_key_and_value(text: str, parts: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        toml.decode(text, "mine.toml")
    assert all(part in str(caught.value) for part in parts), caught.value
    assert str(caught.value).isprintable()


def test_load_plan_suggests_a_preset() -> None:
    with pytest.raises(PlanError, match=r"no preset 'quik'; did you mean 'quick'\? Use one of: .*standard"):
        toml.load_plan("quik")


def test_load_plan_reports_a_missing_file() -> None:
    with pytest.raises(PlanError, match=r"plan nowhere\.toml: No such file"):
        toml.load_plan("nowhere.toml")


def test_plan_with_external_server_reads_back() -> None:
    values = {"name": "x", "models": ["select"], "scenarios": [{"name": "a", "connections": [1], "seconds": 0.1}]}
    plan = toml.build({**values, "external_servers": [{"name": "mine", "command": ["run", "{port}"]}]}, "")
    assert plan.external_servers[0].protocols is None
    assert toml.decode(toml.encode(plan), "text") == plan


@pytest.mark.parametrize(
    ("key", "load", "need"),
    [
        ("objective_p99_us = 2000.0", "rate_rps = 100", "rate = 'highest'"),
        ("objective_lost_share = 0.0", "", "rate = 'highest'"),
        ("search_width = 0.1", "rate = 'common'", "rate = 'highest'"),
        ("arrivals = 'constant'", "", "rate, rate_rps or capacity_share"),
        ("requests_per_session = 5", "rate = 'highest'", "lifecycle = 'session'"),
    ],
)
def test_key_without_effect_is_refused_in_one_line(key: str, load: str, need: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"{HEAD}[[scenarios]]\nname = 'a'\nconnections = [1]\nseconds = 1\n{key}\n{load}\n")
    with pytest.raises(PlanError) as caught:
        toml.load_plan(str(path))
    name = key.partition(" ")[0]
    expected = f"plan {path}: scenario 'a': {key} has no effect without {need}; remove {name}, or add {need}"
    assert str(caught.value) == expected
    toml.decode(path.read_text(), "a stored plan")  # it may contain every default


def test_keys_left_out_have_their_defaults() -> None:
    plan = toml.decode(make_text("name='a', connections=[1], seconds=1, rate='highest', lifecycle='session'"), "text")
    (scenario,) = plan.scenarios
    assert (scenario.session_requests, scenario.arrival_pattern, scenario.search_step_share) == (10, "poisson", 0.02)
    assert (scenario.accepted_p99_us, scenario.accepted_lost_share) == (0.0, 0.001)


def test_lost_share_of_zero_is_an_objective() -> None:
    text = make_text("name='a', connections=[1], seconds=1, rate='highest', objective_lost_share=0.0")
    assert toml.decode(text, "text").scenarios[0].accepted_lost_share == 0.0


def test_error_of_a_file_belongs_to_no_option() -> None:
    values = tomllib.loads(make_text("name='a', connections=[1], seconds=1", f"{HEAD}blocks=0\n"))
    with pytest.raises(PlanError) as of_option:
        toml.build(values, "")
    assert (of_option.value.key, of_option.value.value, of_option.value.problem) == ("blocks", 0, "must be at least 1")
    with pytest.raises(PlanError, match=r"plan mine\.toml: blocks = 0 must be at least 1") as of_file:
        toml.build(values, "plan mine.toml: ")
    assert of_file.value.key == ""


def test_unknown_quality_code_in_a_file_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(make_text("name='a', connections=[1], seconds=1", f"{HEAD}thresholds={{run_dely=[0.1]}}\n"))
    with pytest.raises(PlanError) as caught:
        toml.load_plan(str(path))
    expected = f"plan {path}: thresholds: 'run_dely' is not a quality code; did you mean 'RUN_DELAY'? The codes are: "
    assert str(caught.value).startswith(expected)


def test_backlog_over_datagrams_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = make_text("name='a', connections=[1], seconds=1, backlog=5", f"{HEAD}transports=['udp']\n")
    path.write_text(text)
    with pytest.raises(PlanError, match="backlog = 5 has no effect over UDP; remove backlog, or add 'tcp'"):
        toml.load_plan(str(path))
    path.write_text(text.replace("udp", "tcp"))
    assert toml.load_plan(str(path)).scenarios[0].backlog == 5
