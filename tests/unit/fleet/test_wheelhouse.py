from pathlib import Path

import pytest

from bench.fleet import wheelhouse
from bench.fleet.host_error import HostError
from bench.fleet.wheelhouse import Target, collect_wheels, pin_installed
from tests.support.wheels import make_index, use_index, write_wheel

TARGET = Target((3, 13), "x86_64", "glibc", (2, 36))
pytestmark = pytest.mark.slow  # pip takes about a second


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    use_index(folder, monkeypatch)
    return make_index(folder)


def collect(tmp_path: Path, *requirements: str, target: Target = TARGET) -> wheelhouse.Wheelhouse:
    return collect_wheels(target, requirements, lambda _: None, tmp_path / "cache")


def test_platforms_are_those_of_the_c_library() -> None:
    tags = TARGET.platforms
    assert tags[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} < set(tags)
    musl = Target((3, 12), "aarch64", "musl", (1, 2))
    assert musl.platforms == ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64", "musllinux_1_0_aarch64"]


def test_second_collection_needs_no_index(tmp_path: Path, index: Path) -> None:
    first = collect(tmp_path, "tiny-library")
    for wheel in index.glob("*.whl"):
        wheel.unlink()
    assert collect(tmp_path, "tiny-library") == first
    assert [name.partition("-")[0] for name in sorted(first.sizes)] == ["pip", "tiny_library"]


def test_markers_are_those_of_the_other_host(tmp_path: Path, index: Path) -> None:
    write_wheel(index, "newer")
    write_wheel(index, "older")
    requires = ["newer; python_version >= '3.13'", "older; python_version < '3.13'"]
    write_wheel(index, "top", requires=requires)
    old = Target((3, 12), "x86_64", "glibc", (2, 36))
    assert "newer-1.0-py3-none-any.whl" in collect(tmp_path, "top").sizes
    assert "older-1.0-py3-none-any.whl" in collect(tmp_path, "top", target=old).sizes


@pytest.mark.usefixtures("index")
def test_missing_wheel_is_one_line_and_caches_nothing(tmp_path: Path) -> None:
    with pytest.raises(HostError) as error:
        collect(tmp_path, "no-such-library")
    assert str(error.value) == f"there is no wheel of no-such-library for {TARGET}; use another Python on that host"
    assert str(TARGET) == "Python 3.13 on x86_64 with glibc 2.36"
    assert list((tmp_path / "cache").iterdir()) == []


def test_unreachable_index_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(HostError, match=r"^the package index cannot be reached, and .* later runs need no network$"):
        collect(tmp_path, "tiny-library")


@pytest.mark.usefixtures("index")
def test_damaged_wheel_is_reported(tmp_path: Path) -> None:
    house = collect(tmp_path, "tiny-library")
    (house.folder / next(iter(house.sizes))).write_bytes(b"")
    with pytest.raises(HostError, match="is damaged; remove this folder"):
        collect(tmp_path, "tiny-library")


@pytest.mark.usefixtures("index")
def test_version_without_wheel_is_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    monkeypatch.setattr(wheelhouse, "pin_installed", lambda _: ["tiny-library==7.0"])
    house = collect_wheels(TARGET, ["tiny-library"], messages.append, tmp_path / "cache")
    assert "tiny_library-1.0-py3-none-any.whl" in house.sizes
    assert "looking for other versions" in messages[-1]


def test_pins_contain_requirements_of_requirements() -> None:
    names = {pin.partition("==")[0] for pin in pin_installed(["typer>=0.29", "not-installed-at-all"])}
    assert {"typer", "rich", "pygments"} <= names
