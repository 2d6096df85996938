"""Templates of user_data: what a VO publishes, with its patterns filled in."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.templates import option_files, option_texts, substitute, values_for
from vac_core.interfaces import Urls
from vac_core.testing import context_request, machine, machinetype, settings

NAMES = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
URLS = Urls(machinefeatures="http://h/m", jobfeatures="http://h/j", joboutputs="http://h/o")


def test_patterns_are_replaced_and_unused_ones_removed():
    template = b"#!/bin/sh\necho ##user_data_space## '##user_data_option_none##' ##user_data_space## ##user_data_##\n"
    assert substitute(template, {"space": "vac01.example.org"}) == (
        b"#!/bin/sh\necho vac01.example.org '' vac01.example.org \n"
    )


def test_what_a_value_brings_in_is_not_looked_at_again():
    values = {"option_a": "##user_data_option_secret##", "option_secret": "s3cret"}
    assert substitute(b"[##user_data_option_a##]", values) == b"[##user_data_option_secret##]"


def test_a_template_of_any_bytes_passes_through():
    packed = bytes(range(256)) + b"##USER_DATA_space## ##user_data_Space## # #"
    assert substitute(packed, {"space": "x"}) == packed


def test_values_that_are_not_utf8_come_through_as_they_were():
    content = b"\xff\xfe\x00binary"
    assert substitute(b"##user_data_option_f##", {"option_f": content.decode("utf-8", "surrogateescape")}) == content


@given(st.lists(st.tuples(TEXTS.filter(lambda text: "#" not in text), NAMES)), st.dictionaries(NAMES, TEXTS))
def test_each_pattern_becomes_its_value_and_the_rest_stays(pieces, values):
    template = "".join(f"{text}##user_data_{name}##" for text, name in pieces)
    expected = "".join(f"{text}{values.get(name, '')}" for text, name in pieces)
    assert substitute(template.encode(), values) == expected.encode()


def request(**changes):
    one = machine(0, name="wn01-00.example.org")
    of_type = machinetype("lhcb", user_data="https://vo.example.org/ud", root_image="https://vo.example.org/image")
    return context_request(one, attrs.evolve(of_type, **changes), urls=URLS)


def test_every_name_of_the_note_and_of_vac_3_has_its_value():
    asked = request()
    values = values_for(asked, factory="wn01.example.org")
    assert values["space"] == values["site"] == "vac01.example.org"
    assert values["machinetype"] == values["vmtype"] == "lhcb"
    assert values["machine_hostname"] == values["vm_hostname"] == "wn01-00.example.org"
    assert values["manager_hostname"] == values["vmlm_hostname"] == "wn01.example.org"
    assert values["manager_version"] == values["vmlm_version"]
    assert values["manager_version"].split()[0] == "Vac"
    assert values["uuid"] == asked.machine.id
    assert values["url"] == "https://vo.example.org/ud"
    assert values["root_image_url"] == "https://vo.example.org/image"


@pytest.mark.parametrize(("name", "url"), [("machinefeatures", "m"), ("jobfeatures", "j"), ("joboutputs", "o")])
def test_both_spellings_of_the_urls_work(name, url):
    template = f"##user_data_{name}_url## ##user_data_manager_{name}_url##".encode()
    assert substitute(template, values_for(request())) == f"http://h/{url} http://h/{url}".encode()


def test_local_files_have_no_url():
    values = values_for(request(user_data="user_data", root_image="/images/vo.img"))
    assert values["url"] == values["root_image_url"] == ""


def test_the_sites_name_in_gocdb_goes_before_that_of_the_space():
    asked = attrs.evolve(request(), settings=settings(gocdb_sitename="UKI-EXAMPLE"))
    assert values_for(asked)["site"] == "UKI-EXAMPLE"


def test_the_factory_s_configured_name_stands_in_where_no_other_is_given():
    asked = attrs.evolve(request(), settings=settings(factory_name="wn07.example.org"))
    assert values_for(asked)["manager_hostname"] == "wn07.example.org"


def test_a_machinetype_s_options_go_before_the_settings():
    common = settings(
        user_data_option={"a": "settings", "b": "settings", "c": "settings"},
        user_data_file={"d": "settings", "e": "settings"},
    )
    own = machinetype(user_data_option={"a": "own", "d": "own"}, user_data_file={"b": "own", "e": "own"})
    assert option_texts(own, common) == {"a": "own", "c": "settings", "d": "own"}
    assert option_files(own, common) == {"b": "own", "e": "own"}


def test_options_and_files_are_named_option_and_files_also_the_old_way():
    asked = request(user_data_option={"queue": "long"})
    values = values_for(asked, files={"cert": "PEM"})
    assert values["option_queue"] == "long"
    assert values["option_cert"] == values["file_cert"] == "PEM"
