#!/bin/bash
# Installs the Debian packages that hanok needs of its host, and nothing else:
# it removes no package, and starts, stops or restarts no service. What is
# there already, from whatever source (Docker's runc, say), is used. With
# --test it installs the clients too that the tests speak with.
set -euo pipefail

guard=/usr/sbin/policy-rc.d
saved=/usr/sbin/policy-rc.d.before-hanok
mark='# hanok: no package may touch a service while hanok installs its own'

# A run that was killed leaves its guard behind: the next one removes it.
restore() {
  if [ -e "$guard" ] && grep -qxF "$mark" "$guard"; then rm -f "$guard"; fi
  if [ -e "$saved" ] && [ ! -e "$guard" ]; then mv "$saved" "$guard"; fi
}

[ "$(id -u)" = 0 ] || { echo "packages.sh: this needs root" >&2; exit 1; }
restore
[ "${1:-}" = --restore ] && exit 0

# What is needed, and the package that has it where it is missing.
missing=()
need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 || PATH=/usr/sbin:/sbin:$PATH command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
need runc runc
need nft nftables
need mmdebstrap mmdebstrap
need mkfs.ext4 e2fsprogs
need ssh openssh-client
need gcc gcc
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ "${1:-}" = --test ]; then
  need openstack python3-openstackclient
  python3 -c 'import magnumclient' 2>/dev/null || missing+=(python3-magnumclient)
  need curl curl
  need jq jq
fi
[ "${#missing[@]}" = 0 ] && exit 0

command -v apt-get >/dev/null || {
  echo "packages.sh: this host has no apt-get: install these yourself: ${missing[*]}" >&2
  exit 1
}
echo "Installing Debian packages: ${missing[*]}"
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -e "$guard" ]; then mv "$guard" "$saved"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$guard"
chmod 755 "$guard"

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
install() {
  apt-get install -y --no-remove --no-upgrade --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}
log=$(mktemp)
# The lists of a fresh machine are empty or old: fetch them only then.
if ! install >"$log" 2>&1; then
  if ! { apt-get update -o DPkg::Lock::Timeout=300 && install; } >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "packages.sh: apt-get could not install ${missing[*]}" >&2
    exit 1
  fi
fi
rm -f "$log"
