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
        (make_text("name='a', connections=[1], seconds=1, capacity_share=2"), ["capacity_share = 2", "<= 1"]),
        (make_text("name='a', connections=[1], seconds=1, rate_rps=2e8"), ["rate_rps = 200000000", "1e8 requests"]),
        (
            make_text("name='a', connections=[1], seconds=1, rate='common', capacity_share=0.5"),
            ["plan mine.toml: scenario 'a': rate and capacity_share exclude each other"],
        ),
        (make_text("name='a', connections=[0], seconds=1"), ["connections = 0", ">= 1"]),
        (make_text("name='a', connections=32, seconds=1"), ["connections = 32", "write connections = [32]"]),
        (make_text("name='a', connections=[], seconds=1"), ["connections = []", "must not be empty"]),
        ("name='x'\nmodels='select'", ['write models = ["select"]']),
        (f"{HEAD}target_precision=3", ["target_precision = 3", "<= 0.5", "0.03 for ±3%"]),
        (f"{HEAD}blocks=0", ["blocks = 0", "must be an integer >= 1"]),
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
