"""Wrong input: one line that names the option and its value, and exit code 2, before anything is measured."""

import os
from pathlib import Path

import pytest

from tests.support.in_process import run_holabench


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--models", "select,slect"], ["--models select,slect: 'slect' is not", "did you mean 'select'?"]),
        (["fast"], ["'fast'", "quick", "standard"]),
        (["nowhere.toml"], ["nowhere.toml"]),
        (["--connections", "1,x"], ["--connections", "1,x"]),
        (["--connections", "0"], ["--connections 0: must be at least 1"]),
        (["--connections", "2000000"], ["--connections 2000000: must be at most 1000000"]),
        (["--connections", "1,0"], ["--connections 1,0: 0 must be at least 1"]),
        (["--transports", "tcp,sctp"], ["--transports tcp,sctp: 'sctp' must be one of tcp, udp"]),
        (["--protocol", "http"], ["--protocol http: must be one of echo, hola"]),
        (["--blocks", "0"], ["--blocks 0: must be at least 1"]),
        (["--blocks", "many"], ["--blocks", "many"]),
        (["--seconds", "-1"], ["--seconds -1: must be above 0"]),
        (["--seconds", "nan"], ["--seconds nan: must be a finite number"]),
        (["--message-bytes", "70000"], ["--message-bytes 70000: does not fit into a UDP datagram", "65507"]),
        (["--seed", "-3"], ["--seed -3: must be at least 0"]),
        (["--target-precision", "soon"], ["--target-precision", "'soon'", "3%"]),
        (["--target-precision", "3"], ["--target-precision 3", "write 3%"]),
        (["--max-minutes", "20"], ["--max-minutes 20", "--target-precision", "--minutes 20"]),
        (["--minutes", "nan"], ["--minutes", "nan"]),
        (["--minutes", "inf"], ["--minutes", "inf"]),
        (["--minutes", "0.2"], ["--minutes 0.2: too short for this plan, which needs at least"]),
        (["--minutes", "10", "--blocks", "3"], ["--minutes", "--blocks"]),
        (["--target-precision", "3%", "--blocks", "3"], ["--target-precision", "--blocks"]),
        (["--rate", "20000"], ["--rate 20000", "20000/s", "50%"]),
        (["thorough", "--rate", "50%"], ["--rate 50%", "'latency_half'", "'thorough'"]),
        (["quick", "--rate", "20000/s"], ["--rate 20000/s", "'quick'", "standard"]),
        (["--reference", "trio"], ["--reference trio: is not among the models of this plan"]),
        (["--colour", "red"], ["--colour"]),
        (["--models", ","], ["--models", "','"]),
        (["--models-from", "nowhere"], ["--models-from nowhere"]),
        (["--python", "**"], ["'**'"]),
        (["--python", "9.99"], ["--python 9.99: "]),
        (["--target", "localhost:80"], ["--target", "tcp://HOST:PORT"]),
        (["--target", "tcp://127.0.0.1:99999"], ["--target", "99999", "65535"]),
        (["--server", "php"], ["--server 'php'", "NAME=COMMAND"]),
        (["--server", "php=php server.php"], ["--server", "{port}"]),
        (["--server", "x/sctp=run {port}"], ["--server", "/tcp+udp"]),
        (["--server", "x=nosuchprogram {port}"], ["--server", "'nosuchprogram' was not found"]),
        (["--server", "x=true {port}", "--transports", "udp"], ["'x'", "serves tcp", "--server x/udp=COMMAND"]),
        (["--server", "x=udp:true {port}"], ["--server 'x=udp:true {port}'", "write x/udp=true {port}"]),
        (["--server", "x=PORT={port} ./server"], ["'PORT={port}' sets a variable", "`environment`"]),
        (["--server", "x=~/bin/x {port}"], ["'~/bin/x' begins with ~", "write the whole path"]),
        (["--server", "x=/etc/passwd {port}"], ["external server 'x': '/etc/passwd' is not executable"]),
        (["--server", "x=/etc {port}"], ["external server 'x': '/etc' is a directory"]),
        (["--server", "x=./nowhere {port}"], ["external server 'x': './nowhere' does not exist"]),
        (["--server", "x=python3 nowhere.py {port}"], ["'nowhere.py', which python3 is to run, does not exist"]),
        (["--target", "tcp://no-such-host.invalid:80"], ["--target tcp://no-such-host.invalid:80: host", "no address"]),
        (["--target", "tcp://127.0.0.1:1"], ["--target tcp://127.0.0.1:1: nobody listens on tcp://127.0.0.1:1"]),
        (["--target", "udp://[::1]:1"], ["--target udp://[::1]:1: nobody listens on udp://[::1]:1"]),
        (["--server", "select=python {port}"], ["--server 'select=python {port}'", "also a model of this plan"]),
        (["--models", "select,select"], ["--models select,select: 'select' is listed twice"]),
        (["--rate", "2e7/s"], ["--rate 2e7/s: must be at most 10000000/s"]),
        (["--target-precision", "3%", "--max-minutes", "0"], ["--max-minutes 0: must be above 0"]),
        (["--resume", "results/RUN", "--models", "select"], ["--resume", "--models"]),
        (["quick", "--resume", "results/RUN"], ["--resume", "preset"]),
        (["--resume", "nowhere"], ["--resume", "nowhere"]),
        (["--dry-run", "--json"], ["--dry-run", "--json"]),
    ],
)
def test_run_refuses_wrong_input_with_one_line(
    arguments: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = [] if "--resume" in arguments else ["--output-dir", str(tmp_path)]
    completed = run_holabench(capsys, "run", *arguments, *output)
    assert completed.code == 2, completed.stderr
    assert completed.stdout == ""
    assert completed.stderr.count("\n") == 1, completed.stderr
    assert all(part in completed.stderr for part in expected), completed.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--server", "x=nosuchprogram {port}"], "'nosuchprogram' was not found"),
        (["--connections", "900000"], "needs 2,700,064 file descriptors for 3 arms at the same time"),
        (["--models", "select,slect"], "'slect'"),
    ],
)
def test_preview_refuses_what_a_run_refuses(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in ("bench.cli.plan_preview", "bench.experiment.runner"):
        monkeypatch.setattr(f"{module}.hard_limit", lambda: 1_000_000)
    options = ["quick", "--models", "select,asyncio", "--transports", "tcp", *arguments]
    commands = [["plan", *options], ["run", *options, "--dry-run"], ["run", *options, "--output-dir", str(tmp_path)]]
    refusals = [run_holabench(capsys, *command) for command in commands]
    assert [completed.code for completed in refusals] == [2, 2, 2]
    assert len({completed.stderr for completed in refusals}) == 1
    assert expected in refusals[0].stderr


OWN_SERVER = """
name = "own"
models = ["select"]
[[external_servers]]
name = "mine"
command = ["nosuchprogram", "{port}"]
[[scenarios]]
name = "capacity"
connections = [1]
seconds = 0.1
"""


@pytest.mark.parametrize("command", ["run", "plan"])
def test_missing_program_of_the_users_own_plan_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "own.toml"
    plan.write_text(OWN_SERVER)
    options = ["--output-dir", str(tmp_path / "results")] if command == "run" else []
    completed = run_holabench(capsys, command, str(plan), *options)
    assert completed.code == 2
    assert completed.stderr.startswith(
        f"holabench: plan {plan}: external server 'mine': the program 'nosuchprogram' was not found; install it"
    )
    assert completed.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [plan]


def test_missing_program_of_a_preset_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    completed = run_holabench(capsys, "plan", "tutorial")
    assert completed.code == 0, completed.stderr
    assert "skipped: echo.php needs php, which is not installed: add php to the path" in completed.stdout


def test_run_refuses_output_dir_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    completed = run_holabench(capsys, "run", "quick", "--output-dir", str(tmp_path / "file"))
    assert completed.code == 2
    assert "is a file; name a directory" in completed.stderr


def test_run_refuses_output_dir_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode, **_: (Path(path), mode) != (tmp_path, os.W_OK | os.X_OK))
    completed = run_holabench(capsys, "run", "quick", "--output-dir", str(tmp_path / "new" / "results"))
    assert completed.code == 2
    assert completed.stderr.endswith(f"results: {tmp_path} cannot be written; name another directory\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["report", "compare", "history"])
def test_folder_that_is_not_a_run_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(tmp_path)] * (2 if command == "compare" else 1)
    completed = run_holabench(capsys, command, *folders)
    assert completed.code == 2
    assert completed.stderr.count("\n") == 1
    assert str(tmp_path) in completed.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "fast"], "'fast'"),
        (["plan", "quick", "--max-minutes", "5"], "--max-minutes 5"),
        (["history", "x", "--metric", "speed"], "--metric 'speed': unknown metric"),
        (["selftest", "--only", "truth"], "--only 'truth': unknown check"),
        (["new-model", "my-model"], "'my-model'"),
        (["new-model", "select"], "'select'"),
        (["new-model", "my_model", "--directory", "nowhere"], "--directory nowhere: not a directory"),
    ],
)
def test_other_commands_refuse_wrong_input(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    completed = run_holabench(capsys, *arguments)
    assert completed.code == 2
    assert completed.stderr.count("\n") == 1, completed.stderr
    assert expected in completed.stderr
