#!/bin/bash
# A CernVM's life in the order of the years 2013 to 2020; written by vac-lhcb for one machine.
mkdir -p /var/spool/joboutputs
chmod 1777 /var/spool/joboutputs
( # all that follows is logged where the factory looks
set -u
date --utc +'%Y-%m-%d %H:%M:%S %Z user_data begins'
network_offload='##user_data_option_network_offload##'
ce_type='##user_data_lhcb_ce_type##'

hostname '##user_data_machine_hostname##'
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
mkdir -p /root/.ssh
curl -sf http://169.254.169.254/2009-04-04/meta-data/public-keys/0/openssh-key >>/root/.ssh/authorized_keys
chmod 0600 /root/.ssh/authorized_keys

export MACHINEFEATURES='##user_data_machinefeatures_url##'
export JOBFEATURES='##user_data_jobfeatures_url##'
export JOBOUTPUTS='##user_data_joboutputs_url##'
cat >/etc/profile.d/mjf.sh <<EOF
export MACHINEFEATURES='$MACHINEFEATURES' JOBFEATURES='$JOBFEATURES' JOBOUTPUTS='$JOBOUTPUTS'
EOF
cat >/etc/profile.d/mjf.csh <<EOF
setenv MACHINEFEATURES '$MACHINEFEATURES'
setenv JOBFEATURES '$JOBFEATURES'
setenv JOBOUTPUTS '$JOBOUTPUTS'
EOF

VM_UUID='##user_data_uuid##'
[ -n "$VM_UUID" ] || VM_UUID=$(curl -sf "$JOBFEATURES/job_id")
[ -n "$VM_UUID" ] || VM_UUID=$(date +%s).$(hostname)
export JOB_ID="##user_data_space##:$VM_UUID:##user_data_machinetype##"
export PILOT_UUID="vm://##user_data_space##/$JOB_ID"

end_machine() { # leave a message, what was written, and the factory's processors
    [ -n "$1" ] && echo "$1" >/var/spool/joboutputs/shutdown_message
    cp -f /var/log/boot.log /var/log/messages /var/log/secure /etc/cvmfs/default.* /var/spool/joboutputs/ 2>/dev/null
    dmesg >/var/spool/joboutputs/dmesg
    for file in /var/spool/joboutputs/*; do
        curl -sf --upload-file "$file" "$JOBOUTPUTS/" || echo "$file cannot be put to the factory"
    done
    /sbin/shutdown -h now
    sleep 60
    echo o >/proc/sysrq-trigger
}

mkdir -p /etc/acpi/actions
cat >/etc/acpi/actions/power.sh <<EOF
#!/bin/sh
echo '100 VM received ACPI shutdown signal from hypervisor' >/var/spool/joboutputs/shutdown_message
curl -sf --upload-file /var/spool/joboutputs/shutdown_message '$JOBOUTPUTS/'
/sbin/shutdown -h now
EOF
chmod 0755 /etc/acpi/actions/power.sh

if [ "$network_offload" != on ]; then
    for setting in tso gso gro; do ethtool -K eth0 $setting off; done
fi
iptables -A OUTPUT -p tcp --dport 25 -j DROP
iptables -A OUTPUT -d 169.254.169.254 -p tcp --dport 80 -j DROP # the user_data holds a credential

scratch=
for device in vdb2 sda3 vdb1 vdb vda2 sdb hdb xvdb; do
    [ -b "/dev/$device" ] && { scratch=/dev/$device; break; }
done
if [ -z "$scratch" ]; then
    end_machine '500 Missing vdb/hdb/sdb block device for /scratch'
    exit
fi
mkfs.ext4 -q -F "$scratch"
mkdir -p /scratch
mount "$scratch" /scratch

useradd -d /scratch/plt -m plt
mkdir -p /scratch/plt/etc/grid-security
umask 077
cat >/root/x509proxy.pem <<'EOF'
##user_data_option_x509_proxy##
EOF
cat >/scratch/plt/etc/grid-security/hostcert.pem <<'EOF'
##user_data_option_hostcert##
EOF
cat >/scratch/plt/etc/grid-security/hostkey.pem <<'EOF'
##user_data_option_hostkey##
EOF
if grep -q CERTIFICATE /root/x509proxy.pem; then
    for name in x509proxy hostcert hostkey; do
        cp /root/x509proxy.pem "/scratch/plt/etc/grid-security/$name.pem"
    done
    export X509_USER_PROXY=/scratch/plt/etc/grid-security/x509proxy.pem
fi
umask 022
chmod 0400 /scratch/plt/etc/grid-security/*.pem
[ -e /etc/grid-security ] || ln -s /cvmfs/grid.cern.ch/etc/grid-security /etc/grid-security
export X509_CERT_DIR=/etc/grid-security/certificates X509_VOMS_DIR=/etc/grid-security/vomsdir

cat >/usr/local/sbin/vac-heartbeat <<EOF
#!/bin/sh
echo "\$(cut -d' ' -f1-3 /proc/loadavg) \$(cat /proc/uptime)" >/var/spool/joboutputs/heartbeat
for name in heartbeat vm-heartbeat; do
    curl -sf --upload-file /var/spool/joboutputs/heartbeat "$JOBOUTPUTS/\$name"
done
EOF
chmod 0755 /usr/local/sbin/vac-heartbeat
/usr/local/sbin/vac-heartbeat
echo "$((RANDOM % 5))-59/5 * * * * root /usr/local/sbin/vac-heartbeat" >/etc/cron.d/vac-heartbeat

dd if=/dev/zero of=/scratch/swapfile bs=1M count=4096 status=none
chmod 0600 /scratch/swapfile
mkswap -f /scratch/swapfile >/dev/null && swapon /scratch/swapfile
sysctl -q -w vm.swappiness=1

if [ "$ce_type" = Sudo ]; then # payloads run as users of their own
    for number in $(seq -f '%02g' 0 $((100 * $(nproc) - 1))); do
        useradd -M -N "pltp$number"
        echo "plt ALL = (pltp$number) NOPASSWD: ALL" >>/etc/sudoers.d/plt
    done
    chmod 0440 /etc/sudoers.d/plt
fi

for name in dirac-pilot.py pilotTools.py pilotCommands.py proxyTools.py pilot.json LHCbPilotCommands.py; do
    curl -sf --capath "$X509_CERT_DIR" -o "/scratch/plt/$name" "##user_data_lhcb_pilot_url##/$name" ||
        echo "no $name at ##user_data_lhcb_pilot_url##"
done
if [ ! -s /scratch/plt/dirac-pilot.py ]; then
    end_machine '500 Pilot files not reachable'
    exit
fi
chown -R plt:plt /scratch/plt
python=$(command -v python3 || command -v python)
set --
while read -r argument; do
    [ -n "$argument" ] && set -- "$@" "$argument"
done <<'END_OF_VAC_LHCB'
##user_data_lhcb_arguments##
END_OF_VAC_LHCB
cd /scratch/plt || exit
# shellcheck disable=SC2024 # root writes the log, where the pilot's user may not
sudo -n -H -u plt env X509_USER_PROXY="${X509_USER_PROXY:-}" X509_CERT_DIR="$X509_CERT_DIR" \
    X509_VOMS_DIR="$X509_VOMS_DIR" MACHINEFEATURES="$MACHINEFEATURES" JOBFEATURES="$JOBFEATURES" JOB_ID="$JOB_ID" \
    PILOT_UUID="$PILOT_UUID" "$python" dirac-pilot.py --debug "$@" \
    </dev/null >/var/spool/joboutputs/dirac-pilot.log 2>&1

cat >/root/outcome.py <<'END_OF_VAC_LHCB'
##user_data_lhcb_outcome##
END_OF_VAC_LHCB
cp -f /scratch/plt/bashrc /scratch/plt/jobagent.*.log /var/spool/joboutputs/ 2>/dev/null
if [ -s /var/spool/joboutputs/shutdown_message ]; then
    end_machine ''
else
    end_machine "$(python3 /root/outcome.py /var/spool/joboutputs/dirac-pilot.log || echo '700 Internal VM logging failed')"
fi
) >/var/spool/joboutputs/user_data_script.log 2>&1 &
