#!/usr/bin/env bash
# Every check of this repository, in the order in which a mistake is found cheapest. The one place that lists them:
# `make lint` runs the first half, `make test` all. A failed step does not hide the next; the table at the end names it.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-test}
case $what in lint | test) ;; *) echo "usage: check.sh [lint|test]" >&2 && exit 2 ;; esac

bin=$PWD/.venv/bin
results=$PWD/build/tests
minutes_allowed=10
# For what starts real processes, and none for what decides (docs/decisions/second-try.md).
second_try=$(grep -v '^#' deploy/local/second_try.txt)
rm -rf "$results"
mkdir -p "$results"
table=""
failed=""

step() { # TITLE COMMAND…
  local title=$1 began=$SECONDS outcome=ok
  shift
  printf '\n── %s\n' "$title"
  if ! "$@"; then
    outcome=FAILED
    failed="$failed
  $title"
  fi
  table="$table$(printf '  %-34s %5s s  %s' "$title" "$((SECONDS - began))" "$outcome")
"
}

shell_scripts() { for script in deploy/*/*.sh images/*.sh images/*/*.sh .ci/run; do [ ! -f "$script" ] || bash -n "$script" || return 1; done; }
tests() { # NAME MARKS PYTEST-ARGUMENTS…: counted for the closing line
  local name=$1 marks=$2
  shift 2
  # shellcheck disable=SC2086 - because it is words, or none
  [ "$name" = decisions ] || set -- $second_try "$@"
  # shellcheck disable=SC2086 - because it is words, or none
  "$bin/python" ${tracer:-} -m pytest -q --durations=8 --durations-min=2 \
    --junitxml="$results/$name.xml" -m "not long and $marks" "$@" </dev/null
}
joined() { # PID LOG: what ran beside other steps, once it has ended
  local status=0
  wait "$1" || status=$?
  cat "$2"
  return "$status"
}
in_lab() ( # what checks it is installed with the first check: nobody else needs it
  cd lab
  if ! cmp -s package-lock.json node_modules/.studiolo-lock; then
    npm ci --ignore-scripts --loglevel=error && cp package-lock.json node_modules/.studiolo-lock || return 1
  fi
  npm run --silent lint
)
# Decisions are specified completely: not one branch of these is untested. Their own tests show it, and only those are
# traced: that takes twice the time.
decisions=$(grep -v '^#\|^tests/' deploy/local/decisions.txt | paste -sd ,)
deciding=$(grep '^tests/' deploy/local/decisions.txt)
decision_tests() {
  export COVERAGE_FILE="$results/.coverage"
  # shellcheck disable=SC2086 - because the names are words
  tracer="-m coverage run" tests decisions "not patient" $deciding
}
decisions_covered() { COVERAGE_FILE="$results/.coverage" "$bin/coverage" report --include="$decisions" --fail-under=100; }

# Beside the others, which use one core: what it installs comes from the network.
in_lab >"$results/lab.log" 2>&1 &
lab=$!
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
step "shell scripts" shell_scripts
step "ruff check" "$bin/ruff" check --quiet .
step "ruff format" "$bin/ruff" format --check --quiet .
step "types (mypy)" "$bin/mypy" --no-error-summary
step "import contracts" "$bin/lint-imports" --no-logo
step "TypeScript of lab/" joined "$lab" "$results/lab.log"

if [ "$what" = test ]; then
  # The script that completes commands is checked by the shell it is for.
  # Images are tested with a real builder and a real registry, wrong clocks by libfaketime in one process, rules
  # that alert by Prometheus' own promtool.
  for program in zsh buildah docker-registry faketime; do
    command -v "$program" >/dev/null || deploy/local/apt_install.sh "$program" >/dev/null || true
  done
  command -v promtool >/dev/null || deploy/local/apt_install.sh prometheus >/dev/null || true
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || deploy/local/apt_install.sh postgresql >/dev/null || true
  # A real SSH server for keys; not where it would be started at every boot of the machine from now on.
  [ -x /usr/sbin/sshd ] || [ -d /run/systemd/system ] || deploy/local/apt_install.sh openssh-server >/dev/null || true
  browser=tests/browser
  if STUDIOLO_CHROMIUM=$(deploy/local/chromium.sh); then export STUDIOLO_CHROMIUM; else browser=""; fi
  # Side by side, so that neither core idles: unit tests, those of a real hub and of a browser, and those that mostly
  # wait (for a minute that nobody used a workspace, for a hub that is away), whichever of the three they are.
  # shellcheck disable=SC2086 - as above
  tests unit "not patient" tests --ignore=tests/integration --ignore=tests/browser --ignore=tests/cluster \
    $(printf -- '--ignore=%s ' $deciding) >"$results/unit.log" 2>&1 &
  unit_tests=$!
  # shellcheck disable=SC2086 - because there may be no browser
  tests patient "patient" tests/images tests/integration $browser >"$results/patient.log" 2>&1 &
  patient_tests=$!
  step "tests of what decides" decision_tests
  step "no untested branch in it" decisions_covered
  step "integration tests (a real hub)" tests integration "not patient" tests/integration
  if [ -n "$browser" ]; then
    step "browser tests (a real Chromium)" tests browser "not patient" "$browser"
  else
    step "browser tests (a real Chromium)" false
  fi
  step "patient tests, the rest of them" joined "$patient_tests" "$results/patient.log"
  step "unit tests, the rest of them" joined "$unit_tests" "$results/unit.log"
fi

printf '\n%s\n' "$table  total: $((SECONDS / 60)) min $((SECONDS % 60)) s"
if [ "$what" = test ] && [ "$SECONDS" -gt $((minutes_allowed * 60)) ]; then
  echo "  That is over the $minutes_allowed minutes that are promised (docs: tests)."
fi
[ -z "$failed" ] || printf '\nFailed:%s\n' "$failed"
[ "$what" = lint ] || "$bin/python" deploy/local/closing_line.py "$results"
[ -z "$failed" ]
