import sys
from unittest.mock import Mock

import pytest

from bench.__main__ import main


def test_ctrl_c_during_import_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "bench.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Mock(find_spec=Mock(side_effect=KeyboardInterrupt))])
    assert main() == 130
    assert capsys.readouterr() == ("", "")
