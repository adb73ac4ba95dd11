#!/usr/bin/env bash
# Installs Debian packages where that may be done without asking; otherwise fails, and prints the command that does it.
set -euo pipefail
packages=$*

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null; then
  # Debian starts services of packages that it installs, unless this file says no: what tests need they start themselves.
  quietly='policy=/usr/sbin/policy-rc.d; [ -e "$policy" ] || { trap "rm -f $policy" EXIT; printf "#!/bin/sh\nexit 101\n" >"$policy"; chmod 0755 "$policy"; }; apt-get "$@"'
  install() { $as_root env DEBIAN_FRONTEND=noninteractive sh -c "$quietly" sh install -y -q --no-install-recommends $packages; } # shellcheck disable=SC2086 - the names are words
  if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then
    echo "Installing $packages by apt…" >&2
    { install || { $as_root apt-get update -q && install; }; } >&2 </dev/null && exit
  fi
  echo "sudo apt-get update && sudo apt-get install $packages"
elif command -v brew >/dev/null; then
  echo "brew install $packages"
else
  echo "this system's package manager, to install $packages"
fi
exit 1
