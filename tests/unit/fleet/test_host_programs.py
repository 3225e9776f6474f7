from pathlib import Path

import pytest

from bench.fleet.errors import FleetInputError
from bench.fleet.host_programs import HostPrograms, read_models
from bench.plan.definition import PlanError
from servers import models, registry
from tests.unit.plan.plans import make_plan

MODEL = '"""Answers nothing."""\n\n\ndef serve_tcp(*_: object) -> None: ...\n'


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "__path__", [*models.__path__])
    monkeypatch.setenv(models.FOLDERS_VARIABLE, "")


def test_models_of_a_folder_are_known_where_they_were_sent(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sent_model.py").write_text(MODEL)
    (own / "notes.txt").write_text("no model")
    programs = HostPrograms.from_plain(HostPrograms(read_models(own)).to_plain())
    assert list(programs.models) == ["sent_model.py"]
    assert "sent_model" not in registry.names()
    programs.add_models(tmp_path / "host")
    assert "sent_model" in registry.names()


def test_file_name_of_a_model_does_not_leave_its_folder(tmp_path: Path) -> None:
    HostPrograms({"../../outside.py": MODEL}).add_models(tmp_path / "host" / "models")
    assert [path.name for path in tmp_path.rglob("*.py")] == ["outside.py"]
    assert (tmp_path / "host" / "models") in next(tmp_path.rglob("outside.py")).parents


def test_unreadable_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(b"\xff\xfe")
    with pytest.raises(FleetInputError, match=r"--models-from .*: bad.py cannot be sent"):
        read_models(tmp_path)


def test_interpreter_that_the_host_lacks_is_refused_if_an_option_names_it() -> None:
    plan = make_plan(pythons={"2.9": "2.9"})
    warnings: list[str] = []
    assert HostPrograms().find(plan, "lab1", warnings.append).pythons == {}
    assert warnings == ["lab1: skipping interpreter 2.9: not installed"]
    with pytest.raises(PlanError, match=r"no interpreter '2.9' works.*on lab1, the host of the servers"):
        HostPrograms(pythons=("2.9",)).find(plan, "lab1", warnings.append)


def test_program_that_the_host_lacks_is_refused_with_its_server() -> None:
    server = {"name": "web", "command": ["no-such-program", "{port}"]}
    plan = make_plan(external_servers=[server])
    with pytest.raises(PlanError, match=r"'web': the program 'no-such-program' was not found on lab1"):
        HostPrograms(servers=("web",)).find(plan, "lab1", lambda _: None)
