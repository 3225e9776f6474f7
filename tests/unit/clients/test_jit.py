from pathlib import Path

from clients.engine.jit import compiled_sources

ROOT = Path(__file__).parents[3]


def test_compiled_sources_include_engine_and_baseline() -> None:
    sources = compiled_sources()
    assert ROOT / "clients" / "engine" / "event_loop.py" in sources
    assert ROOT / "servers" / "models" / "native.py" in sources
