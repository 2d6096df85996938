"""The pilot's command line, read by a strict parser written from the pilot's own table of options."""

from __future__ import annotations

import getopt

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_lhcb.arguments import HERE, pilot_arguments, queue_path
from vac_lhcb.options import LhcbMachine

from vac_core.options import OptionValueError, options_of

VALUED = [
    "CEType",
    "CVMFS_locations",
    "CPUTime",
    "MaxCycles",
    "Name",
    "PollingTime",
    "Queue",
    "StopAfterFailedMatches",
    "StopOnApplicationFailure",
    "certLocation",
    "commandExtensions",
    "commands",
    "configurationServer",
    "gridCEType",
    "maxNumberOfProcessors",
    "name",
    "option",
    "pilotProcessors",
    "pilotUUID",
    "preinstalledEnv",
    "preinstalledEnvPrefix",
    "project",
    "release",
    "requiredTag",
    "setup",
    "tag",
    "userEnvVariables",
    "wnVO",
]
PLAIN = ["cert", "debug"]


def parsed(arguments):
    """Options by name; a name that the pilot does not know is an error, and so is anything left over."""
    found, rest = getopt.getopt(list(arguments), "o:", [f"{name}=" for name in VALUED] + PLAIN)
    assert rest == []
    names = [name.lstrip("-") for name, _ in found]
    assert set(names) <= {*VALUED, *PLAIN, "o"}, "an abbreviation"
    return found


def told(**options):
    return dict(parsed(pilot_arguments(LhcbMachine(dirac_site="VAC.Example.uk", **options), "vac01.example.org")))


def test_what_every_pilot_is_told():
    assert told() == {
        "--Name": "vac01.example.org",
        "--Queue": "default",
        "--name": "VAC.Example.uk",
        "--gridCEType": "Vac",
        "--wnVO": "lhcb",
        "--project": "LHCb",
        "--CVMFS_locations": "/cvmfs/lhcb.cern.ch,/cvmfs/grid.cern.ch",
        "--commandExtensions": "LHCbPilot",
        "--MaxCycles": "10",
        "--PollingTime": "20",
        "--StopAfterFailedMatches": "0",
    }


@pytest.mark.parametrize(
    ("option", "value", "name", "said"),
    [
        ("dirac_ce_type", "Pool/Singularity", "--CEType", "Pool/Singularity"),
        ("dirac_release", "v12.0.21", "--release", "v12.0.21"),
        ("dirac_setup", "LHCb-Production", "--setup", "LHCb-Production"),
        ("dirac_servers", ("dips://a:9135/C/S", "dips://b:9135/C/S"), "--configurationServer",
         "dips://a:9135/C/S,dips://b:9135/C/S"),
        ("dirac_commands", ("CheckWorkerNode", "LaunchAgent"), "--commands", "CheckWorkerNode,LaunchAgent"),
        ("dirac_processors", 8, "--maxNumberOfProcessors", "8"),
        ("dirac_tags", ("GPU", "Big"), "--tag", "GPU,Big"),
        ("dirac_required_tags", ("GPU",), "--requiredTag", "GPU"),
        ("dirac_submit_pool", "Test", "-o", "/LocalSite/SubmitPool=Test"),
        ("dirac_options", ("/A/B=1",), "-o", "/A/B=1"),
        ("dirac_credential", "hostcert", "--certLocation", HERE),
    ],
)  # fmt: skip
def test_an_option_is_told(option, value, name, said):
    assert told(**{option: value})[name] == said


TEXTS = st.text(alphabet="abcXYZ019-_./=", min_size=1, max_size=12)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "dirac_ce_type": TEXTS,
        "dirac_queue": TEXTS,
        "dirac_servers": st.lists(TEXTS).map(tuple),
        "dirac_tags": st.lists(TEXTS).map(tuple),
        "dirac_options": st.lists(TEXTS).map(tuple),
        "dirac_max_cycles": st.integers(1, 99),
        "dirac_credential": st.sampled_from(["proxy", "hostcert", "none"]),
    },
)


@given(GIVEN)
def test_whatever_is_given_there_is_no_word_too_many(options):
    parsed(pilot_arguments(LhcbMachine(dirac_site="VAC.Example.uk", **options), "ce"))


def test_the_queue_is_where_dirac_has_it():
    options = LhcbMachine(dirac_site="VAC.Example.uk")
    assert queue_path(options, "ce") == "/Resources/Sites/VAC/VAC.Example.uk/CEs/ce/Queues/default"


class TestOptions:
    @pytest.mark.parametrize("name", ["VAC.Example.uk", "LCG.CERN.cern", "VAC.A_b-1.de"])
    def test_a_site_s_name(self, name):
        assert read("dirac_site", name) == name

    @pytest.mark.parametrize(
        "name", ["VAC.Example", "vac.Example.uk", "VAC.Ex ample.uk", "VAC.Example.uk; rm", "VAC..uk"]
    )
    def test_a_malformed_one(self, name):
        with pytest.raises(OptionValueError, match=r"DOMAIN\.Site\.country"):
            read("dirac_site", name)

    def test_what_names_the_site_s_own_is_not_for_pipes_to_set(self):
        own = {name for name, (option, _) in options_of(LhcbMachine).items() if not option.pipe}
        assert {"dirac_site", "dirac_ce", "dirac_cert", "dirac_key", "dirac_credential", "dirac_user"} <= own
        assert {"dirac_pilot_checksums", "dirac_arguments", "dirac_proxy_margin"} <= own

    def test_every_option_is_of_one_family(self):
        assert all(field.name.startswith(("dirac_", "diracx_")) for field in attrs.fields(LhcbMachine))


def read(option, text):
    return options_of(LhcbMachine)[option][0].read(text)
