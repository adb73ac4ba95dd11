#!/usr/bin/env bash
# Installs one Debian package where that may be done without asking; otherwise fails, and prints the command that does it.
set -euo pipefail
package=$1

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null; then
  install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package"; }
  if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then
    echo "Installing $package by apt…" >&2
    { install || { $as_root apt-get update -q && install; }; } >&2 </dev/null && exit
  fi
  echo "sudo apt-get update && sudo apt-get install $package"
elif command -v brew >/dev/null; then
  echo "brew install $package"
else
  echo "this system's package manager, to install $package"
fi
exit 1
