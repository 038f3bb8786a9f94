#!/usr/bin/env bash
# Brings a fresh Debian 12 machine to where ovsfleet builds, runs its demo and passes its tests.
#
#   deploy/setup/setup.sh run     what `make demo` needs
#   deploy/setup/setup.sh test    that, and what `make test` needs on top
#
# Every step first looks whether there is anything to do, so that a second run takes a second. It
# installs Debian packages (as root or through sudo) and writes only into this checkout: .tools (uv),
# .venv (Python packages from requirements.lock), build/guest (the kernel that tests/kernel runs on).
# No service is started, none that runs is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly RUN_PACKAGES=(openvswitch-switch iproute2 ethtool tcpdump iputils-ping util-linux)
# Playwright's own Node needs libatomic1. Redis and RabbitMQ are started by the tests, each as a
# private instance on loopback; the packages' own services stay off.
# Fault tests move a process's clock (gcc), drop one direction of a link (nftables), and slow
# down or refuse what is written to disk (strace).
readonly TEST_PACKAGES=(
  chromium libatomic1 linux-libc-dev redis-server rabbitmq-server gcc libc6-dev nftables strace
)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "'$*' needs root: run make as root, or install sudo"; fi
}

is_installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# Debian starts a package's service when it is installed; policy-rc.d answering 101 forbids that.
# Where the machine has a policy of its own, that one stays in force.
without_service_start() {
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made=1
  fi
  local status=0
  "$@" || status=$?
  [ -z "$made" ] || as_root rm -f "$policy"
  return "$status"
}

install_debian_packages() {
  local missing=() package
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "needs Debian's apt-get to install: ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  without_service_start as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

require_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "needs Python 3.11 or newer, found $(python3 --version)"
}

install_uv() {
  local wanted
  wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' deploy/setup/uv.txt)
  [ "$(.tools/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$wanted" ] && return 0
  say "installing uv $wanted"
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_debian_packages python3-venv
  python3 -m venv --clear .tools
  .tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r deploy/setup/uv.txt
}

install_python_packages() {
  local stamp=.venv/.requirements.sha256 sum
  sum=$(cat requirements.lock pyproject.toml | sha256sum)
  [ -x .venv/bin/ovsfleet ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return 0
  say "installing Python packages from requirements.lock"
  export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy VIRTUAL_ENV=$PWD/.venv
  [ -x .venv/bin/python ] || .tools/bin/uv venv -q --python "$(command -v python3)" .venv
  # Compiled once here: importing from source costs each of the demo's processes seconds, and some
  # environments forbid Python to write bytecode at import.
  .tools/bin/uv pip sync -q --compile-bytecode --require-hashes requirements.lock
  .tools/bin/uv pip install -q --no-deps --no-build-isolation -e .
  printf '%s' "$sum" >"$stamp"
}

compile_own_code() {
  # With what tests share: the guest of the kernel's tests keeps nothing that it compiles.
  .venv/bin/python -m compileall -q controller agent protos/ovsfleet migrations deploy/lab \
    tests/support -x node_modules
}

case "${1:-}" in
  run) packages=("${RUN_PACKAGES[@]}") ;;
  test) packages=("${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}") ;;
  *) die "usage: $0 run|test" ;;
esac
require_python
install_debian_packages "${packages[@]}"
install_uv
install_python_packages
compile_own_code
[ "$1" != test ] || as_root deploy/guest/fetch >/dev/null
