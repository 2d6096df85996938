"""A site that ran Vac 3 changes nothing in its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from vac_core.config.load import Loaded, load
from vac_core.config.pipes import parse
from vac_core.config.schema import Site

FILES = Path(__file__).parent / "site_files" / "vac3"


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    sources = [FILES / "vac.d", FILES / "vac.conf", FILES / "run.conf"]
    return load(sources, [], {"atlas": parse((FILES / "atlas.pipe").read_bytes())})


@pytest.fixture(scope="module")
def site(loaded: Loaded) -> Site:
    assert loaded.site is not None
    return loaded.site


def test_the_files_load_with_no_error(loaded: Loaded) -> None:
    assert [str(problem) for problem in loaded.problems if problem.is_error] == []


def test_each_old_name_is_named_with_the_new_one(loaded: Loaded) -> None:
    told = [str(problem).partition("/vac3/")[2] for problem in loaded.problems]
    assert told == [
        (
            "vac.d/10-space.conf:18 [settings] mb_per_machine: it changes nothing any more: "
            "set mb_per_processor: Vac 3 did not read this option either"
        ),
        (
            "vac.d/40-old-vos.conf:2 [settings] domain_type: it changes nothing any more: "
            "remove the line: each machinetype's machine_model decides this"
        ),
        (
            "vac.d/40-old-vos.conf:3 [settings] delete_old_files: it changes nothing any more: "
            "remove the line: files of finished machines are kept for machines_dir_days"
        ),
        "vac.d/40-old-vos.conf:5 [vmtype gridpp]: this is an old name: write [machinetype gridpp]",
        "vac.d/40-old-vos.conf:6 [vmtype gridpp] vm_model: this is an old name: write machine_model",
        "vac.d/40-old-vos.conf:9 [vmtype gridpp] scratch_gb: this is an old name: write disk_gb_per_processor",
        "vac.d/40-old-vos.conf:10 [vmtype gridpp] machineoutputs_days: this is an old name: write machines_dir_days",
        "vac.d/40-old-vos.conf:11 [vmtype gridpp] cernvm_signing_dn: this is an old name: write image_signing_dn",
        "vac.d/99-shares.conf:5 [vmtype gridpp]: this is an old name: write [machinetype gridpp]",
        "vac.conf:4: it is not in UTF-8, so it is read as Latin-1: save it in UTF-8",
    ]


def test_later_files_win(site: Site) -> None:
    assert site.settings.total_processors == 7
    assert site.settings.description == "N\xf8deknude"
    assert site.settings.draining
    assert site.settings.shutdown_time == 1767225600
    assert site.machinetypes["lhcb-prod"].target_share == 50.0


def test_settings_are_read_as_vac_3_read_them(site: Site) -> None:
    assert [peer.name for peer in site.settings.factories] == [f"wn00{n}.tier2.example.org" for n in (1, 2, 3, 4)]
    assert site.settings.version_logger == 1
    assert site.settings.vacmon_hostport == (("vacmon.example.org", 8884),)
    assert site.settings.hs06_per_processor == 10.7
    assert site.settings.fix_networking
    assert site.settings.machinefeatures_option == {"cluster": "tier2-a"}
    proxies = "http://squid1.tier2.example.org:3128|http://squid2.tier2.example.org:3128;DIRECT"
    assert site.settings.user_data_option == {"cvmfs_proxy": proxies, "ganglia": "yes"}


def test_machinetypes_are_read_as_vac_3_read_them(site: Site) -> None:
    lhcb = site.machinetypes["lhcb-prod"]
    assert lhcb.user_data_proxy == "yes"
    assert lhcb.user_data_file == {"hostkey": "hostkey.pem"}
    settings = "[general]\nagents = 1\n# this line belongs to the value, as Vac 3 had it\npool = default"
    assert lhcb.user_data_option["vo_settings"] == settings
    assert (lhcb.least_wallclock, lhcb.max_wallclock_seconds) == (86400, 172800)
    assert lhcb.group == site.machinetypes["lhcb-container"].group == "/lhcb/Role=NULL/Capability=NULL"
    assert lhcb.files_dir == "/var/lib/vac/machinetypes/lhcb-prod"
    assert site.machinetypes["lhcb-container"].cvmfs_repositories == ("lhcb.example.org", "grid.example.org")


def test_sections_of_the_old_name_are_machinetypes(site: Site) -> None:
    gridpp = site.machinetypes["gridpp"]
    assert gridpp.machine_model == "docker"
    assert gridpp.disk_gb_per_processor == 20
    assert gridpp.machines_dir_days == 2.0
    assert gridpp.image_signing_dn == "/CN=cvm-sign01.example.org"
    assert gridpp.target_share == 10.0


def test_the_pipes_share_is_divided_and_its_options_are_overruled_in_turn(site: Site) -> None:
    score, mcore = site.machinetypes["atlas-score"], site.machinetypes["atlas-mcore"]
    assert (score.target_share, mcore.target_share) == (7.5, 22.5)
    assert (score.pipe, score.files_dir) == ("atlas", "/var/lib/vac/machinetypes/atlas")
    assert score.user_data_proxy == "yes"
    assert score.user_data_option == {"queue": "EXAMPLE-TIER2_VAC"}
    assert (score.max_processors, mcore.max_processors) == (8, 8)
    assert (score.backoff_seconds, mcore.backoff_seconds) == (600, 3600)
    assert mcore.cvmfs_repositories == ("atlas.example.org", "atlas-condb.example.org")
    assert site.disabled == {}


def test_before_the_pipe_is_fetched_only_its_own_machinetypes_wait(loaded: Loaded) -> None:
    before = load([FILES / "vac.d"], [])
    assert before.site is not None
    assert sorted(before.site.machinetypes) == ["gridpp", "lhcb-container", "lhcb-prod"]
    assert before.site.disabled == {
        "atlas-mcore": "it stands for a part of [vacuum_pipe atlas], which has not been fetched yet"
    }
    assert before.site.pipes["atlas"].vacuum_pipe_url == "https://atlas.example.org/vacuum/atlas.pipe"
    assert not any(problem.is_error for problem in before.problems)
