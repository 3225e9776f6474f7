import sys
from pathlib import Path

import pytest

from servers import models, registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are models, beside those of the package."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    return tmp_path


def test_the_five_models_are_listed_in_order() -> None:
    assert set(registry.names()) >= {"asyncio", "iterative", "multiprocessing", "select", "thread_per_client"}
    assert registry.names() == sorted(registry.names())


def test_listing_and_describing_import_no_model(folder: Path) -> None:
    (folder / "newcomer.py").write_text('"""Never imported."""\n\nraise SystemExit\n')
    assert "newcomer" in registry.names()
    for name in registry.names():
        registry.describe(name)
    assert "servers.models.newcomer" not in sys.modules


def test_private_files_are_no_models(folder: Path) -> None:
    (folder / "_helper.py").touch()
    assert "_helper" not in registry.names()


@pytest.mark.parametrize(
    ("name", "max_tcp_clients", "parallel"),
    [
        ("asyncio", None, False),
        ("iterative", 1, False),
        ("multiprocessing", 1_000, True),
        ("select", 1_000, False),
        ("thread_per_client", None, False),
    ],
)
def test_a_model_is_described_from_its_source(name: str, max_tcp_clients: int | None, parallel: bool) -> None:
    model = registry.describe(name)
    assert model.name == name
    assert model.help.endswith(".")
    assert model.transports == ("tcp", "udp")
    assert model.max_tcp_clients == max_tcp_clients
    assert model.parallel is parallel


@pytest.mark.parametrize(
    ("source", "transports"),
    [
        ("def serve_tcp(listener, new_handler): ...", ("tcp",)),
        ("def serve_udp(sock, new_handler): ...", ("udp",)),
        ("from servers.models.iterative import serve_udp", ("udp",)),
        ("from servers.models.iterative import serve_udp as serve_tcp", ("tcp",)),
        ("from servers.models import iterative\nserve_udp = serve_tcp = iterative.serve_udp", ("tcp", "udp")),
        ("serve_tcp: object = print", ("tcp",)),
        ("def helper():\n    def serve_tcp(): ...", ()),
        ("", ()),
    ],
)
def test_a_model_serves_what_its_source_names(folder: Path, source: str, transports: tuple[str, ...]) -> None:
    (folder / "newcomer.py").write_text(source)
    assert registry.describe("newcomer").transports == transports


def test_the_help_is_the_first_line_of_the_docstring(folder: Path) -> None:
    (folder / "newcomer.py").write_text('"""What it is.\n\nWhat it is good at.\n"""\n')
    (folder / "silent.py").touch()
    assert registry.describe("newcomer").help == "What it is."
    assert registry.describe("silent").help == ""


def test_a_source_that_does_not_parse_is_named(folder: Path) -> None:
    (folder / "newcomer.py").write_text("x = 1\ndef\n")
    with pytest.raises(LookupError, match=r"'newcomer' does not parse: .*newcomer\.py:2: "):
        registry.describe("newcomer")


@pytest.mark.parametrize("name", ["nobody", "", "..", "iterative.py", "_helper"])
def test_an_unknown_name_gets_the_list_of_models(name: str) -> None:
    for ask in (registry.describe, registry.load):
        with pytest.raises(LookupError, match=r"no server model .*; there are: .*iterative"):
            ask(name)


def test_a_loaded_model_has_its_serve_functions() -> None:
    model = registry.load("iterative")
    assert callable(model.serve_tcp)
    assert callable(model.serve_udp)


def test_a_missing_library_is_named_with_what_to_do(folder: Path) -> None:
    (folder / "newcomer.py").write_text("import a_library_that_nobody_has.inside\n")
    with pytest.raises(LookupError, match="'newcomer' needs a_library_that_nobody_has; try: pip install a_library_th"):
        registry.load("newcomer")
