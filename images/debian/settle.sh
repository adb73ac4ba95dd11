#!/bin/sh
# What Debian's packages leave behind and an image must not have. Runs after every installation; a second run changes
# nothing.
set -eu

# Nobody becomes somebody else in a container: no program runs with its owner's or its group's rights.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# Of the machine that builds: its package sources, its name. A step that installs packages is given sources for itself.
rm -f /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/apt/sources.list.d/0000*

# What differs from run to run, and nobody reads: two builds of the same packages give the same layer.
rm -rf /var/cache/ldconfig/aux-cache /var/cache/fontconfig/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/apt/lists/* /var/lib/dpkg/*-old
find /var/log -type f -delete
