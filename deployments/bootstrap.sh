#!/bin/sh
# Makes .venv from requirements.lock, and installs PostgreSQL and a browser where apt may be used.
#
# Needs Python 3.11 or 3.12, nothing else: uv is taken from PATH, from pip, from a venv, or from pip by way of apt.
# Everything it fetches for itself lies in .tools. Running it again takes no time.
# MILLRACE_SYSTEM_PACKAGES=no leaves the system alone. With the argument `bench` it adds what benchmarks compare with.

set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# -- the system's packages -------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_use_apt() {
    has apt-get && { [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }; }
}

refresh_package_lists() {
    [ -z "${refreshed:-}" ] || return 0
    mkdir -p .tools
    as_root apt-get update -qq >.tools/apt.log 2>&1 && refreshed=yes
}

apt_install() {
    refresh_package_lists || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@" >>.tools/apt.log 2>&1
}

has_postgres() {
    has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

has_browser() {
    [ -n "${MILLRACE_BROWSER:-}" ] || has chromium-headless-shell || has chromium || has google-chrome
}

# Only its programs are wanted: without this the package would create a server of its own and start it.
install_postgres() {
    settings=/etc/postgresql-common/createcluster.d/millrace.conf
    as_root mkdir -p "${settings%/*}"
    echo "create_main_cluster = false" | as_root tee "$settings" >/dev/null
    outcome=0
    apt_install postgresql || outcome=1
    as_root rm -f "$settings"
    return $outcome
}

# Ubuntu's chromium packages only call for a snap, which does not work everywhere.
install_browser() {
    refresh_package_lists || return 1
    for name in chromium-headless-shell chromium; do
        version=$(apt-cache policy "$name" 2>/dev/null | awk '/Candidate:/ {print $2}')
        case $version in "" | "(none)" | *snap*) continue ;; esac
        apt_install "$name" && return 0
    done
    return 1
}

want() { # what, how to test for it, how to install it, what is used instead
    "$2" && return 0
    if [ "${MILLRACE_SYSTEM_PACKAGES:-}" != no ] && may_use_apt && [ ! -e ".tools/no-$1" ]; then
        say "installing $1"
        if "$3" && "$2"; then return 0; fi
        mkdir -p .tools
        touch ".tools/no-$1" # tried once: not again at every start
    fi
    say "$1 is not installed here: $4"
}

# -- Python ----------------------------------------------------------------------------------------------------------

find_python() {
    for candidate in python3.11 python3.12 python3 python; do
        if has "$candidate" && "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null
        then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# --target is allowed where Debian marks its Python as externally managed: it leaves the system's packages alone.
uv_by_pip() {
    "$python" -m pip install --quiet --disable-pip-version-check --target .tools/uv uv >.tools/uv.log 2>&1
}

uv_by_venv() {
    "$python" -m venv .tools/venv >.tools/uv.log 2>&1 &&
        .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check --target .tools/uv uv >>.tools/uv.log 2>&1
}

uv_by_apt() {
    may_use_apt && say "installing pip" && apt_install python3-pip python3-venv && { uv_by_pip || uv_by_venv; }
}

find_uv() {
    if has uv && uv --version >/dev/null 2>&1; then
        uv=uv
        return 0
    fi
    uv=$PWD/.tools/uv/bin/uv
    [ -x "$uv" ] && return 0
    mkdir -p .tools
    say "installing uv into .tools"
    uv_by_pip || uv_by_venv || uv_by_apt ||
        fail "uv could not be installed (see .tools/uv.log): install uv or python3-pip, then run make again."
}

# pip may have been told about an index that uv does not know of.
share_index() {
    [ -n "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && return 0
    index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
}

environment_stamp() {
    { cat requirements.lock pyproject.toml; "$python" --version; pwd; } | sha256sum | cut -d ' ' -f 1
}

make_environment() {
    wanted=$(environment_stamp)
    if [ -x .venv/bin/millrace ] && .venv/bin/python -c '' 2>/dev/null && [ "$(cat .venv/.made-from 2>/dev/null)" = "$wanted" ]
    then
        return 0
    fi
    find_uv
    share_index
    export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-copy}" VIRTUAL_ENV="$PWD/.venv"
    say "making .venv from requirements.lock"
    .venv/bin/python -c '' 2>/dev/null || "$uv" venv --quiet --clear --python "$python" .venv
    "$uv" pip sync --quiet --require-hashes --compile-bytecode requirements.lock ||
        fail "the locked packages could not be installed: is a package index reachable?"
    "$uv" pip install --quiet --no-deps -e . || fail "Millrace itself could not be installed into .venv."
    echo "$wanted" >.venv/.made-from
}

# What benchmarks compare with and draw with: only where somebody runs them.
add_bench_group() {
    wanted=$(sha256sum requirements-bench.lock | cut -d ' ' -f 1)
    [ "$(cat .venv/.bench-from 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c 'import celery, matplotlib' 2>/dev/null && return 0
    find_uv
    share_index
    export UV_LINK_MODE="${UV_LINK_MODE:-copy}" VIRTUAL_ENV="$PWD/.venv"
    say "adding the peers of the benchmarks from requirements-bench.lock"
    "$uv" pip install --quiet --require-hashes --compile-bytecode -r requirements-bench.lock ||
        fail "the benchmarks' packages could not be installed: is a package index reachable?"
    echo "$wanted" >.venv/.bench-from
}

python=$(find_python) || fail "Python 3.11 or 3.12 is needed and was not found."
want PostgreSQL has_postgres install_postgres "Prefect keeps its data in SQLite, slower when many runs start at once."
want Chromium has_browser install_browser "pages are fetched by plain HTTP, without a browser."
make_environment
[ "${1:-}" != bench ] || add_bench_group
