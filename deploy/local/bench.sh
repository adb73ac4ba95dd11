#!/usr/bin/env bash
# One benchmark by its name, or the list of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:-}
if [ -n "$name" ] && [ -f "bench/$name.py" ]; then exec .venv/bin/python "bench/$name.py"; fi
[ -z "$name" ] || echo "There is no benchmark called \"$name\"."
echo "Say which one: make bench NAME=…"
grep -l '^if __name__ == "__main__":' bench/*.py | sed 's#bench/#  #; s#\.py$##'
exit 2
