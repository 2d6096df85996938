"""Run by the host's own Python, which has cloud-init: reads one data source, prints what cloud-init made of it.

Arguments: the data source, where it is (a URL or a directory), and an empty directory to work in.
"""

import functools
import json
import sys
from pathlib import Path

from cloudinit import helpers, util
from cloudinit.sources import (
    DataSourceConfigDrive,
    DataSourceEc2,
    DataSourceNoCloud,
    DataSourceOpenStack,
    convert_vendordata,
)
from cloudinit.sources.helpers import ec2


def nocloud(paths, directory):
    return DataSourceNoCloud.DataSourceNoCloud({}, None, paths(seed_dir=directory))


def nocloud_net(paths, url):
    configured = {"datasource": {"NoCloud": {"seedfrom": f"{url}/nocloud/"}}}
    return DataSourceNoCloud.DataSourceNoCloudNet(configured, None, paths())


def configdrive(paths, directory):
    """What the data source does once it has found and mounted its disk, which needs one."""
    source = DataSourceConfigDrive.DataSourceConfigDrive({}, None, paths())
    results = DataSourceConfigDrive.read_config_drive(directory)
    source.version = results["version"]
    source.metadata = results["metadata"]
    source.userdata_raw = results["userdata"]
    source.vendordata_raw = convert_vendordata(results["vendordata"])
    source.files = results["files"]
    source.get_data = lambda: True
    return source


def openstack_http(paths, url):
    # The reader looks for EC2's tree at its usual address, whatever it was told: no test may ask there.
    ec2.get_instance_metadata = functools.partial(ec2.get_instance_metadata, metadata_address=url)
    DataSourceOpenStack.detect_openstack = lambda *_, **__: True
    configured = {
        "datasource_list": ["OpenStack", "Oracle"],
        "datasource": {"OpenStack": {"metadata_urls": [url], "max_wait": 10, "retries": 0}},
    }
    return DataSourceOpenStack.DataSourceOpenStack(configured, None, paths())


def ec2_http(paths, url):
    DataSourceEc2.identify_platform = lambda: DataSourceEc2.CloudNames.AWS
    configured = {"datasource": {"Ec2": {"metadata_urls": [url], "max_wait": 10, "strict_id": True}}}
    return DataSourceEc2.DataSourceEc2(configured, None, paths())


SOURCES = {
    "nocloud": nocloud,
    "nocloud-net": nocloud_net,
    "configdrive": configdrive,
    "openstack": openstack_http,
    "ec2": ec2_http,
}


def make_paths(work, seed_dir=None):
    made = helpers.Paths({"cloud_dir": str(work / "cloud"), "run_dir": str(work / "run")})
    made.seed_dir = seed_dir or str(work / "seed")
    return made


def text(data):
    return util.decode_binary(data) if data else ""


def parts(message):
    """What cloud-init would hand to the handlers of each kind of part."""
    return [[part.get_content_type(), text(util.fully_decoded_payload(part))] for part in message.walk()
            if part.get_content_maintype() != "multipart"]  # fmt: skip


def main(kind, place, work):
    source = SOURCES[kind](functools.partial(make_paths, Path(work)), place)
    found = source.get_data()
    hostname = source.get_hostname(fqdn=True)
    report = {
        "found": found,
        "instance_id": source.get_instance_id(),
        "hostname": getattr(hostname, "hostname", hostname),
        "keys": source.get_public_ssh_keys(),
        "user_data": text(source.userdata_raw),
        "user_parts": parts(source.get_userdata()),
        "vendor_parts": parts(source.get_vendordata()),
        "meta": source.metadata.get("meta", source.metadata),
        "files": {path: text(body) for path, body in getattr(source, "files", {}).items()},
        "ec2": getattr(source, "ec2_metadata", None),
        "identity": getattr(source, "identity", None),
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
