#!/bin/sh
# Installs a lock over /opt/environment in a RUN step, and compiles what came with it: install_environment.sh LOCK NAME [FOLDER]
# The secret `packages`, where there is one, is a list of `export NAME=value`: this machine's package index. It enters no
# layer. What is there already, and is what the lock says, is not written again: a layer holds only what is new.
set -eu
lock=$1
name=$2
environment=${3:-/opt/environment}
tools=$(dirname "$0")

if [ -f /run/secrets/packages ]; then . /run/secrets/packages; fi
export UV_CACHE_DIR=/srv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PYTHONDONTWRITEBYTECODE=1
[ -e "$environment/bin/python" ] || "$tools/uv" venv --quiet --python /usr/bin/python3 "$environment"
"$tools/uv" pip install --python "$environment/bin/python" --require-hashes --no-deps --only-binary :all: --requirements "$lock"
/usr/bin/python3 -I "$tools/compile_all.py" "$environment/lib"
rm -f "$environment/.lock"
install -D -m 0644 "$lock" "/usr/share/studiolo/packages/$name.lock"
