#!/usr/bin/env bash
# .venv and node_modules as the lock files say: `bootstrap.sh up` for running Studiolo, `bootstrap.sh test` for working on it.
# Done already? Then it looks at two stamps and ends. Works with bash 3.2 (macOS); needs no uv, only some Python 3.11+.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
level=${1:-up}
case $level in up | test) ;; *) echo "usage: bootstrap.sh [up|test]" >&2 && exit 2 ;; esac

say() { printf '%s\n' "$*" >&2; }
stop() {
  say "$@"
  exit 1
}
hash_of() { # one word that changes when one of the files does, or when the checkout was moved
  { printf '%s\n' "$root" && cat "$@"; } | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-24
}
# A stamp is "LEVEL HASH". What `test` installed is enough for `up`: starting Studiolo never takes tools from a developer.
is_done() { # STAMP HASH
  [ -f "$1" ] && read -r done_level done_hash <"$1" && [ "$done_hash" = "$2" ] &&
    { [ "$done_level" = "$level" ] || [ "$done_level" = test ]; }
}
level_for() { # A file that only `test` installs: never below what is there
  if [ -e "$1" ]; then echo test; else echo "$level"; fi
}

how_to_get() { # what is missing, as this machine's package manager calls it: DEBIAN BREW
  if command -v apt-get >/dev/null; then
    say "  Get it with: sudo apt install $1"
  elif command -v brew >/dev/null; then
    say "  Get it with: brew install $2"
  else
    say "  Install it with this system's package manager (Debian and Ubuntu: apt install $1; macOS: brew install $2)."
  fi
}

# --- What must be on the machine ------------------------------------------------------------------------------------------

find_python() {
  for name in ${STUDIOLO_PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3 python; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  found=$(python3 --version 2>&1) || found="none"
  say "Studiolo needs Python 3.11 or newer; this machine's python3: $found."
  how_to_get "python3 python3-venv" python@3.13
  say "  Another place? STUDIOLO_PYTHON=/path/to/python3 make up"
  exit 1
}

check_node() {
  found=$(node --version 2>/dev/null) || found="none"
  major=${found#v}
  major=${major%%.*}
  case $major in *[!0-9]* | "") major=0 ;; esac
  if [ "$major" -lt 20 ]; then
    say "Studiolo needs Node.js 20 or newer for its proxy; this machine's node: $found."
    how_to_get "nodejs npm" node
    say "  (Debian 12 and Ubuntu 24.04 ship an older one: take it from NodeSource, nvm or a backport.)"
    exit 1
  fi
  command -v npm >/dev/null || {
    say "Node.js is here, npm is not."
    how_to_get npm node
    exit 1
  }
}

# --- Python ---------------------------------------------------------------------------------------------------------------

# uv comes from PATH, or pinned and checked by hash from the lock, with whatever pip there is.
install_uv() { # PYTHON
  pinned=$(mktemp)
  trap 'rm -f "$pinned"' EXIT
  awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements.lock >"$pinned"
  [ -s "$pinned" ] || stop "requirements.lock does not name uv. This is a bug in the checkout: run \`make lock\`."
  say "Installing uv…"
  if .venv/bin/python -m pip --version >/dev/null 2>&1; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$pinned"
  elif "$1" -m pip --version >/dev/null 2>&1; then
    "$1" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$pinned"
  else
    say "This Python ($1) can neither make a virtual environment with pip nor run pip, and there is no uv on PATH."
    how_to_get python3-venv uv
    exit 1
  fi
  rm -f "$pinned"
}

make_venv() { # PYTHON
  if [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null && [ "$(cat .venv/.studiolo-place 2>/dev/null)" = "$root" ]; then
    return
  fi
  if [ -x .venv/bin/python ] && [ ! -f .venv/.studiolo-place ] && .venv/bin/python -c '' 2>/dev/null; then
    # Made by hand with a tool of the developer's own: used as it is, unless its scripts point to another place.
    case $(.venv/bin/python -c 'import sys; print(sys.prefix)') in "$root/.venv") return ;; esac
  fi
  say "Creating .venv with $("$1" --version)…"
  rm -rf .venv
  if command -v uv >/dev/null; then
    uv venv --quiet --python "$1" .venv
  elif ! "$1" -c 'import ensurepip' 2>/dev/null || ! "$1" -m venv .venv >/dev/null 2>&1; then
    rm -rf .venv
    "$1" -m venv --without-pip .venv # Debian without python3-venv: install_uv looks for pip elsewhere, or says what to do
  fi
}

sync_python() {
  python=$(find_python)
  make_venv "$python"
  if command -v uv >/dev/null; then
    uv=uv
  else
    [ -x .venv/bin/uv ] || install_uv "$python"
    uv=.venv/bin/uv
  fi
  # uv knows nothing of pip's settings; on many machines they are what leads to packages.
  eval "$(.venv/bin/python deploy/local/package_index.py)"
  reached=$(level_for .venv/bin/pytest)
  lock=requirements.lock
  [ "$reached" = up ] || lock=requirements-dev.lock
  say "Installing Python packages ($lock)…"
  rm -f .venv/.studiolo-ready
  "$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
  printf '%s\n' "$root" >.venv/.studiolo-place
  printf '%s %s\n' "$reached" "$python_hash" >.venv/.studiolo-ready
}

# --- Node -----------------------------------------------------------------------------------------------------------------

sync_node() {
  check_node
  reached=$(level_for node_modules/axe-core)
  say "Installing configurable-http-proxy…"
  omit=--omit=dev
  [ "$reached" = up ] || omit=--include=dev
  rm -f node_modules/.studiolo-ready
  npm ci "$omit" --loglevel=error --no-fund --no-audit >&2
  printf '%s %s\n' "$reached" "$node_hash" >node_modules/.studiolo-ready
}

python_hash=$(hash_of requirements.lock requirements-dev.lock pyproject.toml)
node_hash=$(hash_of package-lock.json package.json)
{ is_done .venv/.studiolo-ready "$python_hash" && [ -x .venv/bin/python ]; } || sync_python
is_done node_modules/.studiolo-ready "$node_hash" || sync_node
