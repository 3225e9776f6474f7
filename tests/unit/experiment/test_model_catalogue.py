import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.experiment.model_catalogue import EXAMPLES, describe_external, filled, known_models
from bench.plan.definition import PlanError
from bench.plan.external_server import ExternalServer
from servers import models
from tests.unit.plan.plans import make_plan


def make_external(**values: Any) -> ExternalServer:
    return msgspec.convert({"name": "x"} | values, ExternalServer)


def test_known_models_include_external_servers_of_plan() -> None:
    plan = make_plan(external_servers=[{"name": "x", "command": ["{python}", "{port}"], "protocols": ["hola"]}])
    known = known_models(plan)
    assert {"select", "native", "x"} <= set(known)
    assert (known["x"].protocols, known["x"].transports, known["x"].missing) == (("hola",), ("tcp",), False)


def test_known_models_report_a_broken_file_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text('"""Mine."""\n\ndef serve_tcp(:\n')
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    known = known_models()
    assert "mine.py:3" in known["mine"].broken
    assert not known["select"].broken


def test_external_server_is_asked_for_work_only_if_its_protocols_list_it() -> None:
    assert describe_external(make_external(command=["true"])).protocols == ("echo", "hola")
    assert describe_external(make_external(command=["true"], protocols=["work"])).protocols == ("work",)


def test_external_server_without_its_program_is_missing() -> None:
    description = describe_external(make_external(command=["no-such-program", "{port}"]))
    assert description.missing
    assert description.unavailable_reason == (
        "needs no-such-program, which is not installed: add no-such-program to the path"
    )


def test_external_server_without_its_folder_is_rejected() -> None:
    with pytest.raises(PlanError, match=r"external server 'x': folder = '/nowhere' does not exist"):
        describe_external(make_external(command=["true"], folder="/nowhere"))


def test_shell_syntax_is_explained_before_a_missing_file() -> None:
    with pytest.raises(PlanError, match=r"'~/bin/x' begins with ~, which a shell would replace"):
        describe_external(make_external(command=["~/bin/x", "{port}"]))


def test_values_replace_known_braces_in_the_whole_definition() -> None:
    server = make_external(
        command=["{python}", "{examples}/echo.py", "{port}", "{other}"],
        folder="/srv/{transport}",
        environment={"PORT": "{port}", "URL": "{host}:{port}"},
    )
    started = filled(server, port=7, host="127.0.0.1", transport="tcp")
    assert started.command == (sys.executable, f"{EXAMPLES}/echo.py", "7", "{other}")
    assert started.folder == "/srv/tcp"
    assert started.environment == {"PORT": "7", "URL": "127.0.0.1:7"}
