#!/bin/sh
# Run one stage of the checks and say how long it took: tools/stage.sh NAME COMMAND...
# A stage that passes prints one line, one that fails prints everything it said.
# With STAGE_VERBOSE=1 the output is shown as it comes, for stages that take minutes.
name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$(date +%s)
if [ "${STAGE_VERBOSE:-}" = 1 ]; then
    "$@"
else
    "$@" >"$log" 2>&1
fi
status=$?
elapsed=$(($(date +%s) - started))
if [ $status -eq 0 ]; then
    printf 'ok   %4d s  %s\n' "$elapsed" "$name"
else
    cat "$log"
    printf 'FAIL %4d s  %s\n' "$elapsed" "$name"
fi
exit $status
