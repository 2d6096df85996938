#!/bin/sh
# The supervisor of one machine: runs its program, and records how it ended where a factory finds it that was
# started again meanwhile. It leads the machine's session and process group.
#
# supervisor.sh ENDING DIRECTORY PROGRAM [ARGUMENT...]
#   ENDING     file to record the ending in: exit status and CPU times, and the word "end" when it is complete
#   DIRECTORY  where the program runs
#   PROGRAM    the program, and its arguments
# Standard input is a pipe from the factory. Nothing runs before it says "go": a factory that dies sooner leaves nothing.
set -u
ending=$1
directory=$2
shift 2

# A request to stop goes to the whole group. The supervisor must outlive the program to record its ending.
trap : HUP INT TERM

go=
read -r go
[ "$go" = go ] || exit 125
cd "$directory" || exit 125

"$@" </dev/null
status=$?
{
    echo "status $status"
    times
    echo end
} >"$ending"
exit "$status"
