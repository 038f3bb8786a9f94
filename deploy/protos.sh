#!/usr/bin/env bash
# Generate the Python code of protos/, or check that what is checked in is what would be generated.
#
#   deploy/protos.sh generate   write ovsfleet/v1/*_pb2* beside the .proto files
#   deploy/protos.sh check      buf lint, and compare; exits 1 and names the files that differ
#
# The compiler and its plugins come from the locked development dependencies, so that two machines
# generate the same bytes.
set -euo pipefail

cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
package=ovsfleet/v1

generate_into() {
  local out=$1 proto
  PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -Iprotos \
    --python_out="$out" --mypy_out="quiet:$out" "protos/$package"/*.proto
  # Stubs and servicers only where there is a service: the others would be empty modules.
  for proto in $(grep -lE '^service ' "protos/$package"/*.proto); do
    PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -Iprotos \
      --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" "$proto"
  done
}

generated() {
  find "${@/%//$package}" -maxdepth 1 -name '*_pb2*' -type f -printf '%f\n' | sort -u
}

generate() {
  rm -f "protos/$package"/*_pb2*
  generate_into protos
}

check() {
  "$bin/buf" lint
  local fresh name stale=0
  fresh=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder's name is known now and not later
  trap "rm -rf '$fresh'" EXIT
  generate_into "$fresh"
  for name in $(generated "$fresh" protos); do
    if ! cmp -s "$fresh/$package/$name" "protos/$package/$name"; then
      echo "protos/$package/$name is not what its .proto file generates" >&2
      stale=1
    fi
  done
  if [ "$stale" -ne 0 ]; then
    echo "run 'make protos' and commit the result" >&2
    exit 1
  fi
}

case "${1:-}" in
  generate) generate ;;
  check) check ;;
  *) echo "usage: $0 generate|check" >&2; exit 2 ;;
esac
