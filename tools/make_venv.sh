#!/bin/sh
# Make or refresh a virtual environment: tools/make_venv.sh VENV REQUIREMENTS
# Installs only files whose hashes stand in REQUIREMENTS; a second run with nothing new is quick.
set -eu
venv=$1
requirements=$2

find_python() {
    for name in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "Sealroom needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3." >&2
    return 1
}

# A virtual environment whose interpreter has gone (an upgrade, a moved folder) is made anew.
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    "$python" -m venv --clear "$venv" || {
        echo "This Python cannot make a virtual environment: on Debian or Ubuntu, apt-get install python3-venv." >&2
        exit 1
    }
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes -r "$requirements"
