#!/usr/bin/env bash
# What building images needs of the machine, installed where that may be done without asking.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in buildah mmdebstrap skopeo gcc; do
  command -v "$tool" >/dev/null || deploy/local/apt_install.sh "$tool" || {
    echo "Images are built on Debian or Ubuntu, by root. Install $tool, then run this again." >&2
    exit 1
  }
done
[ "$(id -u)" = 0 ] || {
  echo "Images are built by root: a whole Debian is unpacked, with its owners and rights. Try: sudo make images" >&2
  exit 1
}
