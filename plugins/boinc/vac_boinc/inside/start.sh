#!/bin/sh
# Starts BOINC's client in a virtual machine, as a service where there is systemd.
set -u

# The user data holds the account key: nobody but root may read it again where the cloud serves it.
if command -v iptables >/dev/null; then
    iptables -I OUTPUT -d 169.254.169.254 -m owner ! --uid-owner 0 -j REJECT ||
        echo 'vac-boinc: the metadata service stays open to all users'
fi

set -- python3 /usr/local/libexec/vac-boinc/inside.zip /etc/vac-boinc
if command -v systemd-run >/dev/null && [ -d /run/systemd/system ]; then
    # An image's own client would take the processors from ours.
    systemctl stop boinc-client 2>/dev/null
    exec systemd-run --unit=vac-boinc --property=KillMode=mixed \
        --property=TimeoutStopSec=60 --property=After=network-online.target "$@"
fi
exec "$@"
