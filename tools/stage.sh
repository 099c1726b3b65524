#!/bin/sh
# Run one stage of the checks and say how long it took: tools/stage.sh [--live] NAME COMMAND...
# A stage that passes prints one line, one that fails everything it said.
# With --live the output is shown as it comes, for stages that take minutes.
live=no
if [ "$1" = --live ]; then
    live=yes
    shift
fi
name=$1
shift
started=$(date +%s)
if [ $live = yes ]; then
    "$@"
    status=$?
else
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    "$@" >"$log" 2>&1
    status=$?
    [ $status -eq 0 ] || cat "$log"
fi
if [ $status -eq 0 ]; then word=ok; else word=FAIL; fi
printf '%-4s %4d s  %s\n' $word $(($(date +%s) - started)) "$name"
exit $status
