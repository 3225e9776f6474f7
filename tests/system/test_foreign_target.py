"""A plan file alone aims no load at another machine."""

from pathlib import Path

from tests.support.commands import run_python

FOREIGN = "192.0.2.7"  # RFC 5737: an address of documents


def test_command_refuses_a_foreign_target_in_one_line(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'name = "foreign"\nmodels = ["select"]\ntransports = ["tcp"]\n[[external_servers]]\nname = "web"\n'
        f'target = "{FOREIGN}:80"\n[[scenarios]]\nname = "capacity"\nconnections = [1]\nseconds = 0.1\n'
    )
    completed = run_python("-m", "bench", "run", str(plan), "--output-dir", str(tmp_path / "out"))
    assert completed.returncode == 2
    (line,) = completed.stderr.strip().splitlines()
    assert f"--allow-target {FOREIGN}" in line
