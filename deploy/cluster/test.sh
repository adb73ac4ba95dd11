#!/usr/bin/env bash
# The tests on a real cluster (tests/cluster): brings it up when it is not, builds the images that changed, runs them,
# prints the total.
# Arguments go to pytest: deploy/cluster/test.sh -k network_policy. First --long: what takes minutes instead, of all tests.
# Ends with 0 only when every test ran and passed.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=$PWD/.venv/bin
tests=tests/cluster
if [ "${1:-}" = --long ]; then
  shift
  tests=tests
  set -- -m long "$@"
fi
results=$PWD/build/cluster-tests
if [ -n "${STUDIOLO_KUBECONFIG:-}" ]; then
  [ -f "$STUDIOLO_KUBECONFIG" ] || {
    echo "STUDIOLO_KUBECONFIG names $STUDIOLO_KUBECONFIG, and there is no such file." >&2
    exit 2
  }
  cat <<TEXT
The cluster of $STUDIOLO_KUBECONFIG is tested, not one of this machine. It must offer:
  - the rights of a cluster administrator for the kubeconfig, Kubernetes 1.33 or newer
  - Pod Security admission, and a network that enforces NetworkPolicies
  - a default storage class whose volumes several nodes can write (RWX)
  - nodes that may pull the images that the tests name
and Helm 3 on PATH, for the chart's manifests.
What looks into the node itself is reported as "not run".
TEXT
else
  make --no-print-directory cluster
  make --no-print-directory images
fi

# Some tests look at what was installed with a browser.
STUDIOLO_CHROMIUM=$(deploy/local/chromium.sh)
export STUDIOLO_CHROMIUM

rm -rf "$results" build/cluster-failures
mkdir -p "$results"
began=$SECONDS
code=0
second_try=$(grep -v '^#' deploy/local/second_try.txt) # docs/decisions/second-try.md
run() { # NAME PYTEST-ARGUMENTS…: becomes pytest, with a report of that name
  local name=$1
  shift
  # shellcheck disable=SC2086 - because it is words
  exec "$bin/pytest" -q $second_try --durations=8 --durations-min=5 --junitxml="$results/$name.xml" "$tests" "$@" </dev/null
}
if [ $# = 0 ]; then
  # All of them wait for most of their time: those with a hub of their own do so beside those that share an installation.
  run beside -m "not long and beside" >"$results/beside.log" 2>&1 &
  beside=$!
  # Whoever ends this ends both, and what they made on the cluster is removed before it is over.
  trap 'exit 130' INT TERM
  trap 'kill $(jobs -p) 2>/dev/null && wait || true' EXIT
  (run shared -m "not long and not beside and not ending") || code=$?
  wait "$beside" || code=$?
  cat "$results/beside.log"
  (run ending -m "not long and ending") || code=$?
else
  (run chosen "$@") || code=$?
fi
printf '\n  cluster tests: %s min %s s\n' "$(((SECONDS - began) / 60))" "$(((SECONDS - began) % 60))"
[ ! -d build/cluster-failures ] || echo "  What failed tests left behind: build/cluster-failures"
"$bin/python" deploy/local/closing_line.py "$results"
exit "$code"
