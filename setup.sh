#!/bin/sh
# Makes .venv with what the desk needs; `sh setup.sh test` adds what its tests need, `sh setup.sh dev` what its checks need.
set -e
cd "$(dirname "$0")"
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; set PYTHON to one (found: $("$python" --version 2>&1))" >&2
    exit 2
fi
if ! [ -x .venv/bin/pip ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
        # Debian packs this part of Python apart.
        sudo=$(command -v sudo || true)
        $sudo apt-get update -qq && $sudo apt-get install -y -qq python3-venv
    fi
    "$python" -m venv .venv
fi
.venv/bin/pip install --quiet --disable-pip-version-check --editable ".${1:+[$1]}"
