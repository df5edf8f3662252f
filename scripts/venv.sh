#!/bin/sh
# venv.sh REQUIREMENTS: makes .venv and installs the pinned packages; does nothing when that is done.
set -eu
list=$1
PY=.venv/bin/python

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say "Zhike needs Python 3.11 or newer, and found none. Install one, or name it: make PYTHON=/path/to/python3"
    exit 1
}

make_venv() {
    say "Making the virtual environment .venv with $python"
    "$python" -m venv --clear .venv >/dev/null 2>&1 && return
    # Debian ships venv without the pip it would put in: borrow the pip of the system.
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear --without-pip .venv
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "This Python has neither ensurepip nor pip: installing Debian's python3-venv"
        { apt-get install -y -q python3-venv || { apt-get update -q && apt-get install -y -q python3-venv; }; } >&2
        "$python" -m venv --clear .venv
    else
        say "This Python has neither ensurepip nor pip. Install one of them, then run make again:"
        say "  sudo apt-get install python3-venv     (Debian, Ubuntu)"
        exit 1
    fi
}

pip() {
    if "$PY" -m pip --version >/dev/null 2>&1; then
        "$PY" -m pip "$@"
    else
        "$python" -m pip --python "$PY" "$@"
    fi
}

works() { "$PY" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
sum() { cksum < "$1"; }
installed() { [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(sum "$1")" ]; }

if works; then
    if installed "$list"; then exit 0; fi
    if [ "$list" = requirements.txt ] && installed requirements-dev.txt; then exit 0; fi
fi
python=$(find_python)
if ! works || ! pip --version >/dev/null 2>&1; then make_venv; fi
say "Installing the packages of $list"
pip install -qq --disable-pip-version-check --require-hashes -r "$list"

# `.venv/bin/zhike` runs this checkout; it keeps working when the folder is moved.
cat > .venv/bin/zhike <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}" exec "$here/python" -m zhike "$@"
EOF
chmod +x .venv/bin/zhike
sum "$list" > ".venv/installed-$list"
