#!/bin/sh
# Makes .venv with what the desk needs, in the releases of constraints.txt; `sh setup.sh test` adds what its tests need,
# `sh setup.sh dev` what its checks need. `sh setup.sh renew` writes constraints.txt anew, with today's releases.
set -e
cd "$(dirname "$0")"
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; set PYTHON to one (found: $("$python" --version 2>&1))" >&2
    exit 2
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ "$1" = renew ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    "$python" -m venv "$fresh"
    "$fresh/bin/pip" install --quiet --upgrade --editable '.[dev]' setuptools
    grep '^#' constraints.txt >"$fresh/new"
    "$fresh/bin/pip" freeze --all --exclude-editable --exclude pip >>"$fresh/new"
    cat "$fresh/new" >constraints.txt
    exit
fi
export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt
if ! [ -x .venv/bin/pip ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
        # Debian packs this part of Python apart.
        sudo=$(command -v sudo || true)
        $sudo apt-get update -qq && $sudo apt-get install -y -qq python3-venv
    fi
    "$python" -m venv .venv
fi
.venv/bin/pip install --quiet --editable ".${1:+[$1]}"
