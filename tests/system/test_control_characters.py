"""Text of other programs and files does nothing to a terminal, however it enters: no door passes control characters."""

import gzip
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run_python

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. on a busy machine
RUN_TIMEOUT_S = 110.0
# Title of the window, colour, screen cleared, bell, the same with 8-bit CSI, a new line, right-to-left.
HOSTILE = "\x1b]0;owned\x07\x1b[31m\x1b[2J\x9b31m\nnext\u202e"
IN_TOML = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in HOSTILE)
OPTIONS = ["--no-charts", "--blocks", "1", "--seconds", "0.05", "--connections", "1", "--protocol", "echo"]
FILE_TYPES = (".csv", ".gz", ".json", ".toml", ".md", ".html", ".svg")
SMALL = ["quick", "--models", "select", "--transports", "tcp", *OPTIONS]


def control_characters(text: str) -> list[str]:
    """Return the lines that contain characters which control a terminal."""
    return [line for line in text.split("\n") if any(unicodedata.category(letter) in ("Cc", "Cf") for letter in line)]


def read_text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace")


def written_files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.suffix in FILE_TYPES)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "run", "--server", f"{HOSTILE}=true {{port}}"),
        ("bench", "run", "--server", f"a={HOSTILE} {{port}}"),
        ("bench", "run", "--server", f"a=./{HOSTILE} {{port}}"),
        ("bench", "run", "--server", f"a=python3 '{HOSTILE}.py' {{port}}"),
        ("bench", "run", "--target", f"tcp://{HOSTILE}:80"),
        ("bench", "run", f"{HOSTILE}.toml"),
        ("bench", "run", HOSTILE),
        ("bench", "run", "--models", HOSTILE),
        ("bench", "run", "--rate", HOSTILE),
        ("bench", "run", "--resume", HOSTILE),
        ("bench", "run", "--python", f"/nowhere/{HOSTILE}"),
        ("bench", "run", "--models-from", HOSTILE),
        ("bench", f"--{HOSTILE}"),
        ("bench", HOSTILE),
        ("bench", "report", HOSTILE),
        ("bench", "history", HOSTILE),
        ("bench", "compare", HOSTILE, HOSTILE, "--fail-if", HOSTILE),
        ("bench", "new-model", HOSTILE),
        ("bench", "selftest", HOSTILE),
        ("clients", "load", f"tcp://{HOSTILE}:80"),
        ("clients", "load", "tcp://127.0.0.1:9", "--raw", f"{HOSTILE}.txt"),
        ("clients", "load", "tcp://127.0.0.1:9", "--heat-map", f"{HOSTILE}.txt"),
        ("clients", "talk", HOSTILE, "80"),
        ("clients", HOSTILE),
        ("servers", HOSTILE),
        ("servers", "select", HOSTILE),
        ("servers", "select", "--host", HOSTILE),
        ("servers", "select", "--port", HOSTILE),
    ],
    ids=lambda arguments: "-".join(part.replace(HOSTILE, "X") for part in arguments if len(part) < 99),
)
def test_refused_argument_is_printed_without_control_characters(arguments: tuple[str, ...]) -> None:
    ended = run_python("-m", *arguments)
    assert ended.returncode in (1, 2), ended
    assert ended.stderr
    assert not control_characters(ended.stdout + ended.stderr)


PLAN = """
name = "hostile"
question = "QUESTION"
models = ["select"]
transports = ["tcp"]
control = "none"
blocks = 1
[[external_servers]]
name = "hostile"
command = ["{python}", "server.py", "{port}", "COMMAND"]
folder = "FOLDER"
environment = {MINE = "VALUE"}
[[scenarios]]
name = "capacity"
question = "ASKED"
connections = [1]
seconds = 0.05
"""


@pytest.mark.parametrize(
    "changed",
    [
        ('name = "hostile"', 'name = "X"'),
        ("blocks = 1", '"X" = 1'),
        ("blocks = 1", 'blocks = "X"'),
        ('models = ["select"]', 'models = ["X"]'),
        ('folder = "FOLDER"', 'folder = "X"'),
        ("MINE", '"X="'),
        ('name = "capacity"', 'name = "X"'),
        ("blocks = 1", 'pythons = {"X" = "/nowhere/X"}'),
        ("blocks = 1", 'thresholds = {"X" = [1.0]}'),
        ('command = ["{python}", "server.py", "{port}", "COMMAND"]', 'target = "X:80"'),
        ('command = ["{python}", "server.py", "{port}", "COMMAND"]', 'command = ["./X", "{port}"]'),
    ],
    ids=lambda changed: changed[1],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_refused_plan_is_printed_without_control_characters(
    command: str, changed: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "server.py").touch()
    before, after = changed
    text = PLAN.replace(before, after.replace("X", IN_TOML), 1).replace("FOLDER", str(tmp_path))
    (tmp_path / "plan.toml").write_text(text)
    ended = run_python("-m", "bench", command, str(tmp_path / "plan.toml"))
    assert ended.returncode == 2 or "X" not in after or (command == "plan" and "pythons" in after), ended.stderr
    assert not control_characters(ended.stdout + ended.stderr)


SERVER = f"""
import ctypes, socket, sys
text = {HOSTILE!r}
ctypes.CDLL(None).prctl(15, "\\x1b[31m\\n".encode())  # PR_SET_NAME
print(text, flush=True)
print(text, file=sys.stderr, flush=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
conn, _ = listener.accept()
conn.sendall(text.encode())
sys.exit(text)
"""


def test_hostile_server_is_reported_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    text = PLAN.replace("FOLDER", str(tmp_path))
    for word in ("QUESTION", "COMMAND", "VALUE", "ASKED"):
        text = text.replace(word, IN_TOML)
    (tmp_path / "plan.toml").write_text(text)
    output_dir = tmp_path / "results"
    ended = run_python(
        "-m", "bench", "run", str(tmp_path / "plan.toml"), "--output-dir", str(output_dir), timeout_s=RUN_TIMEOUT_S
    )
    assert ended.returncode in SUCCESS, ended.stderr
    assert "hostile/tcp will not be measured" in ended.stderr
    assert not control_characters(ended.stdout + ended.stderr)
    (folder,) = output_dir.iterdir()
    for path in written_files(folder):
        assert not control_characters(read_text(path)), path.name
    for command in (["report"], ["history"], ["compare", str(folder)]):
        again = run_python("-m", "bench", *command, str(folder), timeout_s=RUN_TIMEOUT_S)
        assert again.stdout + again.stderr, command
        assert not control_characters(again.stdout + again.stderr), command


def test_broken_model_is_reported_without_control_characters(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.py").write_text(f'"""A model {HOSTILE!r}."""\nraise ImportError({HOSTILE!r})\n')
    for arguments in (["models"], ["run", *SMALL, "--models", "mine,select", "--output-dir", str(tmp_path / "runs")]):
        ended = run_python(
            "-m", "bench", *arguments, "--models-from", str(tmp_path / "models"), timeout_s=RUN_TIMEOUT_S
        )
        assert not control_characters(ended.stdout + ended.stderr), arguments
