import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
assert SPEC is not None
assert SPEC.loader is not None
generate_reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate_reference)


@pytest.mark.parametrize("name", generate_reference.PAGES)
def test_reference_page_matches_the_code(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == generate_reference.PAGES[name](), "run: python docs/generate_reference.py"
