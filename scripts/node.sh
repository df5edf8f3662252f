# Sourced from the top folder: puts a Node.js of 20 or newer, with npm, on PATH (from PyPI if need be).
if ! node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null || ! npm --version >/dev/null 2>&1; then
    sh scripts/venv.sh requirements-node.txt
    PATH=$PWD/.venv/bin:$PATH
fi
# npm wants a home it can write to; service accounts and empty containers have none.
if [ -z "${HOME:-}" ] || [ ! -w "$HOME" ]; then
    export npm_config_cache="$PWD/var/cache/npm"
fi
export PATH
