"""One process makes what all processes of the tests need."""

from pathlib import Path

import pytest

from tests.support.once import make_once


def test_later_request_gets_the_folder_of_the_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []
    folders = [make_once(tmp_path_factory, "made_once", made.append) for _ in range(2)]
    assert folders == made * 2


def test_request_after_a_failure_makes_it_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make_once(tmp_path_factory, "made_again", fail)
    assert list(make_once(tmp_path_factory, "made_again", lambda _: None).iterdir()) == []
