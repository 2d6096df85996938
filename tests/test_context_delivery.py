"""The table of deliveries, and machines' ids and strings that follow from it."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.delivery import DELIVERIES

DRAWN = uuid.UUID("0f4d5a8e-0001-4000-8000-000000000001")


def test_an_ec2_machine_has_an_id_that_cloud_init_takes_for_one():
    """cloud-init's Ec2 wants a system UUID that begins with ec2, and a serial number that is the same."""
    ec2 = DELIVERIES["ec2"]
    assert ec2.machine_id(DRAWN) == "ec2d5a8e-0001-4000-8000-000000000001"
    assert ec2.smbios_of("ec2d5a8e") == {"serial": "ec2d5a8e"}


@given(st.uuids(version=4), st.sampled_from(sorted(DELIVERIES)))
def test_every_machine_s_id_is_a_uuid_of_version_4(drawn, name):
    made = DELIVERIES[name].machine_id(drawn)
    assert uuid.UUID(made).version == 4
    assert str(uuid.UUID(made)) == made


def test_each_delivery_is_by_an_image_or_by_http_or_both_and_the_strings_say_which():
    for one in DELIVERIES.values():
        assert bool(one.label) == bool(one.on_image)
        assert one.label or one.over_http
        assert bool(one.smbios) == one.over_http
    assert DELIVERIES["nocloud-net"].smbios_of("x") == {"serial": "ds=nocloud-net;s=http://169.254.169.254/nocloud/"}
