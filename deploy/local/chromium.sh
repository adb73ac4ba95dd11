#!/usr/bin/env bash
# Prints where Chromium is. Not there: installs it by apt where that is allowed, else says which command does, and fails.
set -euo pipefail
here=$(dirname "$0")

find_chromium() {
  for candidate in "${STUDIOLO_CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome \
    "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

find_chromium && exit
if command=$("$here/apt_install.sh" chromium); then
  find_chromium && exit
fi
cat >&2 <<TEXT
The browser tests need Chromium, and this machine has none. Install it with:
  $command
Another place? STUDIOLO_CHROMIUM=/path/to/chromium make test
TEXT
exit 1
