# What scripts/test and scripts/demo share: packages of the system, and the project's own environment in .venv.
# Sourced by them with the project's folder as the current one.
# shellcheck shell=bash

fail() {
    echo "$*" >&2
    exit 1
}

# The first Python that is new enough and can make environments; nothing where there is none.
find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# Tell whether there is an lldb that runs Python.
has_lldb() {
    local name
    for name in lldb-19 lldb; do
        command -v "$name" >/dev/null && "$name" -b -o 'script print(6 * 7)' 2>/dev/null | grep -qx 42 && return
    done
    return 1
}

# Tell whether gcc makes programs here, with the options given.
can_compile() {
    local folder works=1
    command -v gcc >/dev/null || return 1
    folder=$(mktemp -d)
    echo '#include <stdio.h>
int main(void) { return puts("") < 0; }' | gcc "$@" -x c - -o "$folder/probe" 2>/dev/null && works=0
    rm -r "$folder"
    return $works
}

# Install what is missing: through apt as root or through sudo, else say what to install.
# With `dev` as argument also what only the tests need: 32-bit programs, another C library, and other languages.
install_system_packages() {
    local group=${1:-} missing=() as_root=()
    [ -n "$(find_python)" ] || missing+=(python3 python3-venv)
    can_compile || missing+=(gcc libc6-dev)
    command -v gdb >/dev/null || missing+=(gdb)
    if [ "$group" = dev ]; then
        can_compile -m32 || missing+=(gcc-multilib)
        command -v musl-gcc >/dev/null || missing+=(musl-tools)
        command -v strace >/dev/null || missing+=(strace)
        command -v g++ >/dev/null || missing+=(g++)
        command -v go >/dev/null || missing+=(golang-go)
        command -v dlv >/dev/null || missing+=(delve)
        command -v rustc >/dev/null || missing+=(rustc)
        command -v rust-gdb >/dev/null || missing+=(rust-gdb)
        has_lldb || missing+=(lldb)
    fi
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "missing: ${missing[*]}
install them first, on Debian: apt-get install ${missing[*]}"
        as_root=(sudo -n)
    fi
    command -v apt-get >/dev/null || fail "missing, and there is no apt-get to install them: ${missing[*]}"
    echo "Installing through apt: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    # lldb without a number may be much older, and its Python module is a package of its own.
    case " ${missing[*]} " in *" lldb "*)
        apt-cache show lldb-19 >/dev/null 2>&1 && missing=("${missing[@]/%lldb/lldb-19}" python3-lldb-19) || missing+=(python3-lldb)
    esac
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    [ -n "$(find_python)" ] || fail "this system's Python is older than 3.11; install a newer one"
}

# Make .venv and install the project into it; with `dev` as argument also the pinned tools of its dev group.
# Nothing is done when neither the Python nor pyproject.toml has changed since.
make_environment() {
    local group=${1:-} python stamp pins=()
    python=$(find_python)
    stamp=.venv/installed-$group-$({ "$python" --version; pwd; cat pyproject.toml; } | sha256sum | cut -c1-16)
    if [ -e "$stamp" ] && .venv/bin/gdbstub --version >/dev/null 2>&1; then
        return
    fi
    echo "Installing the project into .venv"
    [ -x .venv/bin/pip ] && .venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear .venv
    if [ "$group" = dev ]; then
        # pip reads dependency groups only since 25.1; this works with every pip.
        mapfile -t pins < <(.venv/bin/python -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["dev"], sep="\n")')
    fi
    .venv/bin/pip install --quiet --disable-pip-version-check --editable . "${pins[@]}"
    # Where Python may not write it (PYTHONDONTWRITEBYTECODE, another user's folder), every start would compile it all.
    .venv/bin/python -m compileall -q gdbstub
    rm -f ".venv/installed-$group-"*
    touch "$stamp"
}
