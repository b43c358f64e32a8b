#!/bin/bash
# All tests, or with the argument "lint" the checks of the source alone. Every
# part runs even where one before it failed; the last lines say how each ended.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
summary=()
part() { # NAME COMMAND...
  local name=$1 start=$SECONDS result=ok
  shift
  echo "== $name"
  if ! "$@"; then result=FAILED failed=1; fi
  summary+=("$(printf '%-7s %-28s %5ds' "$result" "$name" $((SECONDS - start)))")
}

# Programs of bundles are modules of their own.
bundle_tests() {
  local module
  for module in settle addons/flannel/v0.28.4; do
    (cd "kubernetes/$module" && go vet ./... && go test ./...) || return 1
  done
}

formatted() {
  local files
  files=$(gofmt -l $(git ls-files -co --exclude-standard '*.go'))
  [ -z "$files" ] || { echo "not formatted (make fmt): $files"; return 1; }
}

scripts_parse() {
  local f
  for f in scripts/*.sh .ci/run; do bash -n "$f" || return 1; done
}

part "gofmt" formatted
part "shell scripts parse" scripts_parse
part "go vet" go vet ./...
part "staticcheck" go tool staticcheck ./...

if [ "${1:-}" != lint ]; then
  if [ "$(id -u)" = 0 ]; then
    part "Debian packages" scripts/packages.sh --test
    part "build" make --no-print-directory build
    # What an earlier run left that was killed.
    part "sweep before" bin/hanok sweep --orphans
    part "bundle v1.30.3" bin/hanok bundle build v1.30.3
  else
    echo "not root: tests of machines, networks and clusters will be skipped"
  fi
  # Where the tests note which operations of the API they exercised.
  exercised=$(mktemp -d)
  trap 'rm -rf "$exercised"' EXIT
  export HANOK_TEST_API_EXERCISED=$exercised
  part "unit tests" go test $(go list ./... | grep -v /test/)
  part "programs of bundles" bundle_tests
  # One after another: each wants most of the machine.
  part "end-to-end tests" go test -p 1 -timeout 40m ./test/...
  part "every API operation tested" go test -run '^TestEveryOperationIsExercised$' ./api/apitest -args -exercised "$exercised"
  if [ "$(id -u)" = 0 ]; then
    part "nothing left behind" bin/hanok sweep --orphans --check
  fi
fi

echo
printf '%s\n' "${summary[@]}"
[ "$failed" = 0 ] && echo "all passed" || echo "there were failures"
exit "$failed"
