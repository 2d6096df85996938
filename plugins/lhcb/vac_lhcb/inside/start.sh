#!/bin/sh
# Makes a virtual machine ready and starts the pilot in it, as a service where there is systemd.
set -u
place=/usr/local/libexec/vac-lhcb

if command -v cvmfs_config >/dev/null; then
    cvmfs_config setup
fi

# The user data holds a credential: nobody but root may read it again where the cloud serves it.
if command -v iptables >/dev/null; then
    iptables -I OUTPUT -d 169.254.169.254 -m owner ! --uid-owner 0 -j REJECT ||
        echo 'vac-lhcb: the metadata service stays open to all users'
fi

cd "$place" || exit 1
if command -v systemd-run >/dev/null && [ -d /run/systemd/system ]; then
    exec systemd-run --unit=vac-lhcb --property=WorkingDirectory="$place" --property=TimeoutStopSec=60 \
        --property=After=network-online.target python3 -m inside /etc/vac-lhcb/settings.json
fi
exec python3 -m inside /etc/vac-lhcb/settings.json
