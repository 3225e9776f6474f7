from pathlib import Path

from bench.store.folder_labels import labels


def test_labels_of_equal_names_include_parent_folders() -> None:
    paths = [Path("/a/x/run"), Path("/a/y/run"), Path("/b/y/run"), Path("/a/other")]
    assert labels(paths) == ["x/run", "a/y/run", "b/y/run", "other"]
    assert labels(paths[:1] * 2) == ["run", "run"]
