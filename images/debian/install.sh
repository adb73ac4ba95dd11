#!/bin/sh
# Installs Debian packages in a RUN step: install.sh PACKAGE… What is installed already costs nothing.
# The secret `apt-sources`, where there is one, says where this machine gets its packages; it enters no layer.
set -eu

missing=""
for package; do
  case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in ii*) ;; *) missing="$missing $package" ;; esac
done
if [ -n "$missing" ]; then
  sources=/etc/apt/sources.list.d
  list=/etc/apt/sources.list
  if [ -s /run/secrets/apt-sources ]; then
    sources=$(mktemp -d)
    list=/dev/null
    cp /run/secrets/apt-sources "$sources/machine.sources"
    chmod -R a+rX "$sources"
  fi
  apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::Etc::SourceParts="$sources" -o Dir::Etc::SourceList="$list" \
    -o Acquire::Languages=none -o Dpkg::Options::=--path-exclude='/usr/share/man/*' -o Dpkg::Options::=--path-exclude='/usr/share/locale/*' \
    -o Dpkg::Options::=--path-exclude='/usr/share/doc/*' -o Dpkg::Options::=--path-include='/usr/share/doc/*/copyright' "$@"; }
  apt update
  apt install -y --no-install-recommends "$@"
  apt clean
  [ "$list" != /dev/null ] || rm -rf "$sources"
fi
sh "$(dirname "$0")/settle.sh"

# What is in the image, for whoever looks for a flaw; written only when it is new.
written=/usr/share/studiolo/packages/debian.txt
listed=$(dpkg-query -W -f '${Package}==${Version} ${Architecture}\n')
if [ "$listed" != "$(cat "$written" 2>/dev/null)" ]; then
  mkdir -p "$(dirname "$written")"
  printf '%s\n' "$listed" >"$written"
fi
