#!/bin/sh
# Writes every lock anew: one per environment, one for Go, one for the clients that tests bring into pods, and the two of
# the repository. `make lock` calls it.
# What is locked stays at its version unless an option says otherwise: `images/lock.sh --upgrade-package jupyterlab`.
set -eu
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
[ -x "$uv" ] || uv=uv

# Universal: one lock for Linux and macOS and every Python from 3.11 on. Hashes, and no addresses: an index is a
# setting of the machine that installs.
lock() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        --override images/overrides.txt "$@"
}

# Beside its own, each environment has what the wheel `studiolo` depends on, which is installed there without asking.
for requirements in images/*/requirements.in; do
    lock "$@" "$requirements" pyproject.toml --output-file "${requirements%.in}.lock"
done
lock "$@" images/packages/pip.in --output-file images/packages/pip.lock
lock "$@" deploy/cluster/go.in --output-file deploy/cluster/go.lock
lock "$@" tests/cluster/data/clients.in --output-file tests/cluster/data/clients.lock
lock "$@" --group hub pyproject.toml --output-file requirements.lock
lock "$@" --group dev pyproject.toml --output-file requirements-dev.lock
