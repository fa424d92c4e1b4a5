from __future__ import annotations

import os
from pathlib import Path

import pytest

from sip_ci.collect.collecting import collect
from sip_ci.errors import InputError, NoInputError, UsageError


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "work space"
    for name in ("t/b.pcap", "t/a.log", "t/deep/c.PCAPNG", "t/notes.md", "t/.git/x.log", "node_modules/y.log", "z.xyz"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return root


def names(workspace: Path, *patterns: str) -> list[str]:
    return [file.name for file in collect(patterns, base=workspace, workspace=workspace).files]


def test_a_folder_is_searched_for_traces(workspace: Path) -> None:
    assert names(workspace, "t") == ["t/a.log", "t/b.pcap", "t/deep/c.PCAPNG"]
    assert names(workspace, ".") == ["t/a.log", "t/b.pcap", "t/deep/c.PCAPNG"]


def test_a_search_knows_numbered_traces_and_logs_without_an_extension(workspace: Path) -> None:
    sip = b"[Nov 22] Asterisk started\n" * 1000 + b"OPTIONS sip:a@b SIP/2.0\r\n"
    for name, data in (("full", sip), ("pbx.log.1", sip), ("call.pcap1", b""), ("README", b"x"), ("tool", b"\0" + sip)):
        (workspace / "t" / name).write_bytes(data)
    assert names(workspace, "t") == ["t/a.log", "t/b.pcap", "t/call.pcap1", "t/deep/c.PCAPNG", "t/full", "t/pbx.log.1"]


def test_a_named_file_is_taken_whatever_its_name(workspace: Path) -> None:
    (file,) = collect(["z.xyz"], base=workspace, workspace=workspace).files
    assert (file.name, file.named, file.path) == ("z.xyz", True, workspace / "z.xyz")


def test_a_glob_takes_what_it_matches(workspace: Path) -> None:
    assert names(workspace, "**/*.log") == ["t/a.log"]
    assert names(workspace, "t/*") == ["t/a.log", "t/b.pcap", "t/notes.md"]
    assert names(workspace, str(workspace / "t" / "*.pcap")) == ["t/b.pcap"]


def test_overlapping_patterns_give_each_file_once(workspace: Path) -> None:
    files = collect(["t", "t/a.log", "./t/../t/a.log", "t/*"], base=workspace, workspace=workspace).files
    assert [file.name for file in files] == ["t/a.log", "t/b.pcap", "t/deep/c.PCAPNG", "t/notes.md"]
    assert [file.named for file in files] == [True, True, False, True]


def test_a_file_with_wildcards_in_its_name_can_be_named(workspace: Path) -> None:
    (workspace / "call[1].log").write_text("x")
    assert names(workspace, "call[1].log") == ["call[1].log"]


def test_where_nothing_else_was_named_a_missing_file_is_no_input(workspace: Path) -> None:
    with pytest.raises(NoInputError, match=r"^t/absent\.pcap does not exist"):
        names(workspace, "t/absent.pcap")
    with pytest.raises(NoInputError, match="nor does its folder"):
        names(workspace, "absent/also.pcap")
    with pytest.raises(NoInputError) as raised:
        names(workspace, "one.pcap", "*.zip")
    assert [line.split()[0] for line in str(raised.value).splitlines()] == ["one.pcap", "*.zip"]


def test_what_is_missing_costs_the_others_nothing(workspace: Path) -> None:
    (workspace / "empty").mkdir()
    absent = [
        "absent.pcap",
        str(workspace / "t/absent.pcap"),
        "*.zip",
        "empty",
        str(workspace.parent / "elsewhere.pcap"),
    ]
    result = collect([*absent, "t/a.log"], base=workspace, workspace=workspace)
    assert [file.name for file in result.files] == ["t/a.log"]
    assert [item.name for item in result.missing] == [
        "absent.pcap",
        "t/absent.pcap",
        "*.zip",
        "empty",
        "elsewhere.pcap",
    ]
    assert all(item.reason for item in result.missing)


def test_archives_in_a_folder_are_taken_or_named(workspace: Path) -> None:
    archives = ["t/one.zip", "t/two.tar.gz", "t/three.7z", "t/four.rar"]
    for name in archives:
        (workspace / name).write_text("x")
    result = collect(["t"], base=workspace, workspace=workspace)
    assert [file.name for file in result.files if file.name in archives] == ["t/one.zip", "t/two.tar.gz"]
    for name in ("three.7z", "four.rar"):
        assert sum(name in notice for notice in result.notices) == 1
    (workspace / "packed").mkdir()
    (workspace / "packed" / "five.7z").write_text("x")
    with pytest.raises(NoInputError, match=r"five\.7z"):
        names(workspace, "packed")


@pytest.mark.parametrize("pattern", ["t/a.log", "t", "t/*.pcap", "link.pcap"])
def test_a_report_must_not_be_written_over_an_input(workspace: Path, pattern: str) -> None:
    (workspace / "link.pcap").symlink_to(workspace / "t" / "b.pcap")
    report = workspace / "t" / ("a.log" if pattern == "t/a.log" else "b.pcap")
    with pytest.raises(UsageError, match="report"):
        collect([pattern], base=workspace, workspace=workspace, excluded={report})


@pytest.mark.parametrize("pattern", ["*.zip", "absent/**/*.pcap", "**/*.zip"])
def test_a_pattern_without_a_match_is_named(workspace: Path, pattern: str) -> None:
    with pytest.raises(NoInputError, match=r"matches") as raised:
        names(workspace, pattern)
    assert pattern in str(raised.value)
    assert raised.value.exit_code == 3


def test_a_folder_without_traces_is_named(workspace: Path) -> None:
    (workspace / "empty").mkdir()
    with pytest.raises(NoInputError, match="empty"):
        names(workspace, "empty")


def test_no_pattern_at_all_is_a_usage_error(workspace: Path) -> None:
    with pytest.raises(UsageError, match="SIP_CI_PATHS"):
        names(workspace)


def test_links_out_of_the_workspace_are_not_followed(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    outside.mkdir()
    (outside / "secret.log").write_text("x")
    (workspace / "t" / "link.log").symlink_to(outside / "secret.log")
    (workspace / "t" / "folder").symlink_to(outside)
    (workspace / "t" / "loop").symlink_to(workspace / "t")
    (workspace / "t" / "inside.log").symlink_to(workspace / "t" / "a.log")
    result = collect(["t", "t/**/*.log"], base=workspace, workspace=workspace)
    assert [file.name for file in result.files] == ["t/a.log", "t/b.pcap", "t/deep/c.PCAPNG"]
    assert any("symbolic" in notice for notice in result.notices)


def test_links_that_lead_nowhere_cost_only_themselves(workspace: Path) -> None:
    (workspace / "t" / "round.log").symlink_to("round.log")
    (workspace / "t" / "gone.log").symlink_to("absent.log")
    assert names(workspace, "t") == ["t/a.log", "t/b.pcap", "t/deep/c.PCAPNG"]
    assert names(workspace, "t/*.log") == ["t/a.log"]
    result = collect(["t/round.log", "t/gone.log", "t/a.log"], base=workspace, workspace=workspace)
    assert [item.name for item in result.missing] == ["t/round.log", "t/gone.log"]
    assert [file.name for file in result.files] == ["t/a.log"]
    with pytest.raises(InputError, match=r"^t/round\.log cannot be read"):
        names(workspace, "t/round.log")


def test_files_that_may_not_be_looked_at_are_counted(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.stat

    def guarded(path: Path, **more: bool) -> os.stat_result:
        if path.name == "b.pcap":
            raise PermissionError(13, "Permission denied")
        return plain(path, **more)

    monkeypatch.setattr(Path, "stat", guarded)
    result = collect(["t"], base=workspace, workspace=workspace)
    assert [file.name for file in result.files] == ["t/a.log", "t/deep/c.PCAPNG"]
    assert len(result.notices) == 1


def test_files_elsewhere_are_named_without_their_absolute_path(workspace: Path) -> None:
    for folder in ("one", "two"):
        (workspace.parent / folder).mkdir()
        (workspace.parent / folder / "a.log").write_text(folder)
    (workspace.parent / "one" / "b.log").write_text("b")
    elsewhere = [str(workspace.parent / name) for name in ("one/a.log", "two/a.log", "one/b.log")]
    files = collect(["t/a.log", *elsewhere], base=workspace, workspace=workspace).files
    assert {file.name: file.in_workspace for file in files} == {
        "t/a.log": True,
        "one/a.log": False,
        "two/a.log": False,
        "b.log": False,
    }


def test_a_path_of_the_runners_host_is_translated(workspace: Path) -> None:
    result = collect(["/home/runner/work/repo/repo/t/a.log"], base=workspace, workspace=workspace)
    assert [file.name for file in result.files] == ["t/a.log"]
    assert any("runner" in notice for notice in result.notices)
    with pytest.raises(NoInputError, match="relative to the workspace"):
        names(workspace, "/home/runner/work/repo/repo/absent.log")


def test_this_runs_own_reports_are_no_inputs(workspace: Path) -> None:
    report = workspace / "t" / "a.log"
    files = collect(["t"], base=workspace, workspace=workspace, excluded={report}).files
    assert [file.name for file in files] == ["t/b.pcap", "t/deep/c.PCAPNG"]


def test_what_is_no_file_is_refused(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    with pytest.raises(InputError, match="regular file"):
        names(workspace, "pipe")
    assert "pipe" not in names(workspace, "**/*")


def test_a_name_with_a_line_end_stays_on_its_line(workspace: Path) -> None:
    with pytest.raises(NoInputError) as raised:
        names(workspace, "a\n::error::b")
    assert "\n" not in str(raised.value)


def test_a_null_byte_is_an_error_of_the_input(workspace: Path) -> None:
    with pytest.raises(InputError):
        names(workspace, "a\0b")


def test_paths_start_at_their_base(workspace: Path) -> None:
    files = collect(["deep"], base=workspace / "t", workspace=workspace).files
    assert [file.name for file in files] == ["t/deep/c.PCAPNG"]
