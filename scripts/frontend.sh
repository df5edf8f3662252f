#!/bin/sh
# Builds the front end into zhike/web/static/build/ when its sources have changed.
set -eu
stamp=zhike/web/static/build/.sources
sources() {
    find frontend zhike -name node_modules -prune -o -path zhike/web/static/build -prune -o -type f \
        \( -path 'frontend/*' -o -path '*/templates/*' -o -path '*/static/*' \) -print0 |
        LC_ALL=C sort -z | xargs -0 cksum
}
if [ ! -f frontend/package.json ]; then
    echo "frontend/package.json is missing: nothing to build" >&2
    exit 0
fi
want=$(sources | cksum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi

. scripts/node.sh
lock=$(cat frontend/package-lock.json frontend/package.json | cksum)
if [ "$(cat frontend/node_modules/.lock-stamp 2>/dev/null)" != "$lock" ]; then
    echo "Installing the front-end packages" >&2
    (cd frontend && npm ci --no-audit --no-fund --loglevel=error)
    printf '%s\n' "$lock" > frontend/node_modules/.lock-stamp
fi
echo "Building the front end" >&2
(cd frontend && npm run --silent build)
printf '%s\n' "$want" > "$stamp"
