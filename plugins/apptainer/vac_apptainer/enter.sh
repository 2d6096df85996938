#!/bin/sh
# Show a container's user what that container may see of the host, and nothing else; become that user; run Apptainer.
#
# enter.sh STAGE UID GID COUNT [NAME SOURCE]... COMMAND [ARGUMENT...]
#   STAGE   a directory that is there, on which all is shown; in the mount namespace of this process alone
#   COUNT   of pairs: each SOURCE, a file or directory, is bound at STAGE/NAME
set -eu
stage=$1
uid=$2
gid=$3
count=$4
shift 4

mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev,noexec vac "$stage"
while [ "$count" -gt 0 ]; do
    if [ -d "$2" ]; then
        mkdir "$stage/$1"
    else
        : >"$stage/$1"
    fi
    mount --rbind -- "$2" "$stage/$1"
    shift 2
    count=$((count - 1))
done

# Not where it was called: the user may not go there.
cd "$stage"
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
