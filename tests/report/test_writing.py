"""Reports get where they were asked for: whole, readable by others, and never out of the workspace by a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.support import sample_report as sample

from sip_ci.errors import UsageError
from sip_ci.report.interface import ReportOptions
from sip_ci.report.registry import FORMATS, renderer
from sip_ci.report.writing import write_report


def test_a_report_appears_in_new_folders_and_others_may_read_it(tmp_path: Path) -> None:
    write_report("é\n", "results/deep/sip-ci.sarif", tmp_path)
    file = tmp_path / "results" / "deep" / "sip-ci.sarif"
    assert file.read_bytes() == "é\n".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_an_old_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_report("first, and longer\n", "a.json", tmp_path)
    reader = (tmp_path / "a.json").open()
    write_report("second\n", "a.json", tmp_path)
    assert reader.read() == "first, and longer\n"
    assert (tmp_path / "a.json").read_text() == "second\n"
    reader.close()


def test_a_dash_is_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_report("é\n", "-", tmp_path)
    assert capfdbinary.readouterr().out == "é\n".encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("destination", ["link/a.sarif", "file.sarif", "dangling.sarif"])
def test_a_link_out_of_the_workspace_is_refused(tmp_path: Path, destination: str) -> None:
    workspace, outside = tmp_path / "workspace", tmp_path / "outside"
    workspace.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("kept")
    (workspace / "link").symlink_to(outside)
    (workspace / "file.sarif").symlink_to(outside / "precious")
    (workspace / "dangling.sarif").symlink_to(outside / "new")
    with pytest.raises(UsageError, match=destination.partition("/")[0]):
        write_report("x", destination, workspace)
    assert [item.name for item in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_text() == "kept"


def test_a_link_inside_the_workspace_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_report("x", "link/a.json", tmp_path)
    assert (tmp_path / "real" / "a.json").read_text() == "x"


def test_a_place_that_the_user_names_outside_is_theirs_to_choose(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    write_report("x", str(tmp_path / "a.json"), workspace)
    assert (tmp_path / "a.json").read_text() == "x"


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for destination in ("file/a.json", "folder"):
        with pytest.raises(UsageError, match=destination):
            write_report("x", destination, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_links_in_a_circle_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError, match="a"):
        write_report("x", "a/report.json", tmp_path)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_report("report", "pipe", tmp_path)
    assert os.read(reader, 100) == b"report"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_and_can_be_encoded(name: str) -> None:
    for data in (sample.make(), sample.make([], inputs=()), sample.hostile("\ud800\x00\u202e")):
        assert isinstance(renderer(name)(data, ReportOptions()).encode("utf-8"), bytes)


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="sarif"):
        renderer("html5")
