"""The look for a folder for temporary files."""

import tempfile

import pytest

from bench.cli.temporary_folder import refuse_missing_temporary_folder
from clients.cli_errors import Stop


def test_missing_temporary_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc"])
    with pytest.raises(Stop, match=r"^no folder for temporary files can be written, .* or name one with TMPDIR$"):
        refuse_missing_temporary_folder()


def test_temporary_folder_that_exists_is_accepted() -> None:
    refuse_missing_temporary_folder()
