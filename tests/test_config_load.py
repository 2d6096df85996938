"""Broken site files: every problem at once, each with its place and its mend, and no more harm than must be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vac_core.config import sources
from vac_core.config.load import Loaded, load
from vac_core.config.schema import MachineType, Settings, VacuumPipe
from vac_core.options import options_of

Load = Callable[[str], Loaded]
GOOD = "[settings]\nvac_space = vac01.example.org\n"


@pytest.fixture
def loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def load_text(text: str) -> Loaded:
        Path("vac.conf").write_text(text, "utf-8")
        return load([Path("vac.conf")], [])

    return load_text


def told(loaded: Loaded) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in loaded.problems]


def test_all_problems_are_told_at_once(loading: Load) -> None:
    loaded = loading(
        """[settings]
drainin = yes
udp_timeout_seconds = soon
[targetshares]
lhcb = 5
[factories]
names = wn01
[machinetype lhcb]
max_processors = two
backoff_seconds = -1
vac_space = vac01
[machinetyp atlas]
[plugin grid]
[machinetype]
[settings here]
[vacuum_pipe Atlas]
target_share = much
"""
    )
    assert loaded.site is None
    assert told(loaded) == [
        (
            "error: vac.conf:1 [settings]: vac_space is not set: add vac_space = ... "
            "(Name of the space: only factories of the same space answer each other)"
        ),
        "error: vac.conf:2 [settings] drainin: there is no such option here: did you mean draining?",
        "error: vac.conf:3 [settings] udp_timeout_seconds: 'soon' is not a number: write a number such as 0.01",
        (
            "error: vac.conf:4 [targetshares]: sections of this kind are no longer read: "
            "set target_share in each [machinetype NAME]"
        ),
        (
            "error: vac.conf:6 [factories]: sections of this kind are no longer read: "
            "list them with factories = ... in [settings]"
        ),
        "error: vac.conf:9 [machinetype lhcb] max_processors: 'two' is not a whole number: write a number such as 1",
        "error: vac.conf:10 [machinetype lhcb] backoff_seconds: -1 is too small: the least is 0",
        "error: vac.conf:11 [machinetype lhcb] vac_space: there is no such option here: move it to [settings]",
        "error: vac.conf:12 [machinetyp atlas]: there is no such kind of section: did you mean [machinetype NAME]?",
        (
            "error: vac.conf:13 [plugin grid]: no plugin that is in use takes this section, so it is ignored: "
            "install the plugin, or remove the section"
        ),
        "error: vac.conf:14 [machinetype]: the section has no name: write [machinetype NAME]",
        "error: vac.conf:15 [settings here]: 'here' stands after settings: write [settings]",
        (
            "error: vac.conf:16 [vacuum_pipe Atlas]: vacuum_pipe_url is not set: "
            "add vacuum_pipe_url = ... (Where the document is)"
        ),
        (
            "error: vac.conf:16 [vacuum_pipe Atlas]: 'Atlas' cannot begin machinetypes' names: "
            "use lower-case letters, digits and hyphens"
        ),
        "error: vac.conf:17 [vacuum_pipe Atlas] target_share: 'much' is not a number: write a number such as 1.0",
    ]


def test_a_wrong_machinetype_disables_itself_alone(loading: Load) -> None:
    loaded = loading(
        GOOD
        + "[machinetype lhcb]\nmax_processors = two\n[machinetype atlas]\n[machinetype Big_One]\n"
        + "[machinetype odd]\nwhat is this\n[machinetype span]\nmin_processors = 4\n"
    )
    assert loaded.site is not None
    assert list(loaded.site.machinetypes) == ["atlas"]
    assert loaded.site.disabled == {
        "lhcb": "vac.conf:4 [machinetype lhcb] max_processors: 'two' is not a whole number: write a number such as 1",
        "Big_One": "vac.conf:6 [machinetype Big_One]: 'Big_One' cannot be a machinetype's name: "
        "use at most 63 lower-case letters, digits and hyphens, a letter or digit first",
        "odd": "vac.conf:8 [machinetype odd]: this line sets no option: "
        "write OPTION = VALUE, or begin a comment with #",
        "span": "vac.conf:10 [machinetype span] min_processors: min_processors 4 is above max_processors 1: "
        "raise max_processors",
    }


def test_bounds_are_told_of_beside_what_cannot_be_read(loading: Load) -> None:
    crossed = "min_processors = 4\nmax_processors = 2\nmin_wallclock_seconds = 9\nmax_wallclock_seconds = 8\n"
    unread = "min_processors = 4\nmax_processors = two\n"
    loaded = loading(GOOD + f"[machinetype a]\nbackoff_seconds = -1\n{crossed}[machinetype b]\n{unread}")
    assert told(loaded) == [
        "error: vac.conf:4 [machinetype a] backoff_seconds: -1 is too small: the least is 0",
        (
            "error: vac.conf:5 [machinetype a] min_processors: min_processors 4 is above max_processors 2: "
            "raise max_processors"
        ),
        (
            "warning: vac.conf:7 [machinetype a] min_wallclock_seconds: it is above max_wallclock_seconds 8, "
            "so none can be started: raise max_wallclock_seconds"
        ),
        "error: vac.conf:11 [machinetype b] max_processors: 'two' is not a whole number: write a number such as 1",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[settings]\n",
        "[settings]\nvac_space = not a name\n",
        f"vac_space = vac01\n{GOOD}",
        f"{GOOD}stray words\n",
        f"{GOOD}[targetshares]\n",
        f"{GOOD}[setings]\n",
        f"{GOOD}unknown = 1\n",
        f"{GOOD}vacquery_auth = require\n",
        f"[DEFAULT]\nunknown = 1\n{GOOD}",
    ],
)
def test_what_concerns_the_whole_factory_leaves_no_site(loading: Load, text: str) -> None:
    loaded = loading(text)
    assert loaded.site is None
    assert any(problem.is_error and problem.what for problem in loaded.problems)


def test_old_names_warn_and_yield_to_new_ones(loading: Load) -> None:
    loaded = loading(f"{GOOD}cpu_total = 4\noverload_per_cpu = 2\noverload_per_processor = 3\nscratch_gb = 10\n")
    assert loaded.site is not None
    assert loaded.site.settings.total_processors == 4
    assert loaded.site.settings.overload_per_processor == 3.0
    assert loaded.site.settings.disk_gb_per_processor == 10
    assert told(loaded) == [
        "warning: vac.conf:3 [settings] cpu_total: this is an old name: write total_processors",
        (
            "warning: vac.conf:4 [settings] overload_per_cpu: it is ignored, because "
            "overload_per_processor is set too: remove the line"
        ),
        "warning: vac.conf:6 [settings] scratch_gb: this is an old name: write disk_gb_per_processor",
    ]


@pytest.mark.parametrize(
    ("kind", "schema"), [("settings", Settings), ("machinetype lhcb", MachineType), ("vacuum_pipe lhcb", VacuumPipe)]
)
def test_every_old_name_of_every_option_is_accepted(loading: Load, kind: str, schema: type) -> None:
    for name, (declared, default) in options_of(schema).items():
        for old in declared.deprecated:
            loaded = loading(f"{GOOD}[{kind}]\n{old} = {default or 3}\n")
            assert f"write {name}" in "\n".join(told(loaded))
            assert not any(problem.is_error for problem in loaded.problems), old


def test_defaults_of_config_parser_stand_in_for_what_is_not_set(loading: Load) -> None:
    loaded = loading(
        f"[DEFAULT]\nmax_processors = 4\nuser_data_option_a = b\n{GOOD}[machinetype lhcb]\n"
        "[machinetype atlas]\nmax_processors = 8\n"
    )
    assert loaded.site is not None
    assert {name: one.max_processors for name, one in loaded.site.machinetypes.items()} == {"lhcb": 4, "atlas": 8}
    assert loaded.site.settings.user_data_option == {"a": "b"}


def test_a_useless_wallclock_is_only_warned_of(loading: Load) -> None:
    loaded = loading(f"{GOOD}[machinetype lhcb]\nmin_wallclock_seconds = 90000\n")
    assert loaded.site is not None
    assert list(loaded.site.machinetypes) == ["lhcb"]
    assert told(loaded) == [
        (
            "warning: vac.conf:4 [machinetype lhcb] min_wallclock_seconds: it is above max_wallclock_seconds 86400, "
            "so none can be started: raise max_wallclock_seconds"
        )
    ]


def test_an_option_that_was_swallowed_by_the_one_above_is_explained(loading: Load) -> None:
    loaded = loading(f"{GOOD}udp_timeout_seconds = 5\n  draining = yes\n")
    assert [problem for problem in told(loaded) if problem.startswith("error")] == [
        (
            "error: vac.conf:3 [settings] udp_timeout_seconds: '5 draining = yes' is not a number: "
            "lines that begin with white space belong to this value: begin each option in the first column"
        )
    ]


def test_no_source_and_missing_files_are_told(tmp_path: Path) -> None:
    assert told(load([], [])) == [
        "error: [settings]: no site file was found: write /etc/vac.conf with a section [settings] that sets vac_space"
    ]
    missing = load([tmp_path / "no.conf"], [])
    assert missing.site is None
    why = "it cannot be read: No such file or directory: mend the file, or do not name it"
    assert f"error: {tmp_path}/no.conf: {why}" in told(missing)


@pytest.mark.parametrize("kind", ["fifo", "nul", "huge", "directory.conf", "dangling"])
def test_files_that_are_no_text_leave_no_site(tmp_path: Path, kind: str) -> None:
    good, odd = tmp_path / "a.conf", tmp_path / "b.conf"
    good.write_text(GOOD, "utf-8")
    make: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(odd),
        "nul": lambda: odd.write_bytes(b"[settings]\n\0"),
        "huge": lambda: os.truncate(os.open(odd, os.O_CREAT | os.O_WRONLY), 5 * 1024 * 1024),
        "directory.conf": odd.mkdir,
        "dangling": lambda: odd.symlink_to("nowhere"),
    }
    make[kind]()
    loaded = load([tmp_path], [])
    assert loaded.site is None
    assert [problem.file for problem in loaded.problems] == [str(odd)]


def test_files_of_machinetypes_are_where_vac_3_has_them(tmp_path: Path) -> None:
    conf = tmp_path / "vac.conf"
    conf.write_text(f"{GOOD}[machinetype new]\n[machinetype old]\n", "utf-8")
    (tmp_path / "types" / "old" / "files").mkdir(parents=True)
    site = load([conf], [], machinetypes_dir=tmp_path / "types").site
    assert site is not None
    assert site.machinetypes["new"].files_dir == str(tmp_path / "types" / "new")
    assert site.machinetypes["old"].files_dir == str(tmp_path / "types" / "old" / "files")


_WORDS = st.sampled_from(
    ["[settings]", "[machinetype a]", "[vmtype a]", "[vacuum_pipe a]", "[plugin a]", "[DEFAULT]", "vac_space = v"]
    + [f"{name} = " for schema in (Settings, MachineType, VacuumPipe) for name in options_of(schema)]
    + [
        "vacuum_pipe_url = http://a/b",
        "user_data_option_x = y",
        "  ",
        "cpu_total = ",
        "\n",
        "1",
        "none",
        "wn01@[::1]:5",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.binary(), st.lists(st.one_of(_WORDS, st.text(max_size=8)), max_size=30).map("\n".join)))
@example(content=b"\xef\xbb\xbf[settings]\nvac_space = v\n")
def test_no_content_of_a_file_raises(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "vac.conf"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    loaded = load([path], [])
    assert loaded.site is not None or any(problem.is_error for problem in loaded.problems)
    assert all(str(problem).isprintable() and problem.place for problem in loaded.problems)
    assert sources.fingerprint([path]) == sources.fingerprint([path])


def test_problems_are_values_that_can_be_compared() -> None:
    problem = load([], []).problems[0]
    assert attrs.evolve(problem) == problem
