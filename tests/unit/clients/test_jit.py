from pathlib import Path

from clients.engine.jit import compiled_sources

ROOT = Path(__file__).parents[3]


def test_compiled_sources_include_engine_and_baseline() -> None:
    sources = compiled_sources()
    assert ROOT / "clients" / "engine" / "event_loop.py" in sources
    for name in ("models/native.py", "native_hola.py", "native_poll_set.py"):
        assert ROOT / "servers" / name in sources
