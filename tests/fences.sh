#!/usr/bin/env bash
# The boundaries between the crates, and what must stay absent from their sources. Each fence prints one line; a broken
# one prints what was found, and fails the whole.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."

broken=0

# fence NAME FOUND: one line of the report; FOUND is what should not be there, empty when all is well.
fence() {
    if [[ -z $2 ]]; then
        printf 'ok      %s\n' "$1"
    else
        printf 'BROKEN  %s\n%s\n' "$1" "$(sed 's/^/          /' <<<"$2")"
        broken=$((broken + 1))
    fi
}

# --- Dependencies -----------------------------------------------------------------------------------------------------

# All crates that PACKAGE is built with, on any platform and with all features; dev-dependencies do not count. That
# something is absent must be looked for: the exit status of cargo tree is 0 also where nothing was found.
dependencies() {
    cargo tree --locked -e normal,build -p "$1" --prefix none --all-features --target all | awk '{ print $1 }' | sort -u
}

# knows_only PACKAGE OURS... -- WORD...: PACKAGE knows no crates of ours but those, and no others that match a word.
knows_only() {
    local package=$1 names=() found
    shift
    while [[ $1 != -- ]]; do
        names+=("$1")
        shift
    done
    shift
    found=$(dependencies "$package")
    if ! grep -qx "$package" <<<"$found"; then
        fence "$package: dependencies" "cargo tree does not list the package itself, so nothing was checked"
        return
    fi
    local strangers foreign pattern
    strangers=$(grep -E '^loadonce' <<<"$found" | grep -vxF "$(printf '%s\n' "$package" "${names[@]}")" || true)
    fence "$package knows these of our crates: ${names[*]:-none}" "$strangers"
    pattern=$(printf '|%s' "$@")
    foreign=$(grep -xE "(${pattern:1})(-.*)?" <<<"$found" || true)
    fence "$package is built without: $*" "$foreign"
}

knows_only loadonce-core -- \
    axum hyper http h2 tonic tower reqwest serde_json toml prost rten onnx ort clap mio socket2 signal-hook-registry
knows_only loadonce-engines loadonce-core -- \
    axum hyper http h2 tonic tower reqwest toml clap
knows_only loadonce-lifespan loadonce-core -- \
    prost tonic rten onnx ort toml clap
knows_only loadonce-server loadonce-core -- \
    rten onnx ort toml clap

# --- Sources ----------------------------------------------------------------------------------------------------------

# code FILE...: the code as FILE:LINE:TEXT, without comments and without what stands in a `mod tests { .. }`.
code() {
    awk '
        FNR == 1 { in_tests = 0; after_cfg = 0 }
        after_cfg && /^mod [a-z_]+ \{/ { in_tests = 1 }
        { after_cfg = /^#\[cfg\(test\)\]/ }
        in_tests { if (/^}/) in_tests = 0; next }
        { sub(/(^|[^:])\/\/.*/, ""); if ($0 ~ /[^ \t]/) print FILENAME ":" FNR ":" $0 }
    ' "$@" </dev/null
}

# sources FOLDER...: Rust files there that are no tests.
sources() {
    find "$@" -name '*.rs' ! -name tests.rs ! -name testing.rs ! -path '*/tests/*' | sort
}

# absent NAME PATTERN FILE...: no line of code matches.
absent() {
    local name=$1 pattern=$2
    shift 2
    if (($# == 0)); then
        fence "$name" "no file was looked at"
        return
    fi
    fence "$name" "$(code "$@" | grep -P -- "$pattern" || true)"
}

mapfile -t without_unsafe < <(find crates -name '*.rs' ! -path 'crates/engines/*' | sort)
absent "unsafe code only in crates/engines" '\bunsafe\b' "${without_unsafe[@]}"

mapfile -t roots < <(find crates -path '*/src/lib.rs' -o -path '*/src/main.rs' | grep -v '^crates/engines/' | sort)
fence "every crate but engines forbids unsafe code" "$(grep -L '^#!\[forbid(unsafe_code)\]$' "${roots[@]}" || true)"

mapfile -t quiet < <(sources crates/core/src crates/engines/src crates/server/src)
absent "core, engines and server open no socket" '\b(std|tokio)::(\{[^}]*\b)?net\b' "${quiet[@]}"

mapfile -t loaders < <(sources crates/*/src |
    grep -vx -e crates/core/src/loader/one.rs -e crates/loadonce/src/cli/inspect.rs \
        -e crates/engines/src/isolated/template.rs)
absent "models are loaded in core/src/loader/one.rs, by a template, and to inspect them" '\bchosen\.load\(' "${loaders[@]}"
mapfile -t loaders < <(sources crates/*/src | grep -vx -e crates/core/src/loader/mod.rs)
absent "only a chosen engine loads" '\bengine\.load\(' "${loaders[@]}"

mapfile -t all < <(sources crates)
global='^[^:]+:\d+:\s*(pub(\([^)]*\))?\s+)?static\s|\b(thread_local|lazy_static)!|\b(once_cell|lazy_static)::'
# The library that a process opened stays open for its whole life, whoever holds it; and a program has one allocator.
mapfile -t all < <(printf '%s\n' "${all[@]}" |
    grep -vx -e crates/engines/src/onnxruntime/library.rs -e crates/loadonce/src/main.rs)
absent "no global state" "$global" "${all[@]}"

mapfile -t every < <(find crates -name '*.rs' | sort)
absent "no test is switched off, but for those that make onnxruntime runs" \
    '#\[ignore(?! = "needs the library: make onnxruntime"\])' "${every[@]}"

# The folders of crates/engines/src are engines, but for what several share: the format, the trees, the boosters, workers.
engines=crates/engines/src
mapfile -t folders < <(find "$engines" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
for folder in "${folders[@]}"; do
    others=$(printf '%s\n' "${folders[@]}" | grep -vx -e "$folder" -e onnx -e trees -e boosted -e workers | paste -sd '|')
    mapfile -t files < <(find "$engines/$folder" -name '*.rs' | sort)
    path="\\b(crate|super|loadonce_engines)::(\\{[^}]*\\b)?($others)\\b"
    absent "engine folder $folder knows no other engine" "$path" "${files[@]}"
done

names=$(sed -n '/^\[features\]/,/^\[dep/s/^\([a-z0-9_-]*\) = .*/\1/p' crates/engines/Cargo.toml |
    grep -vx -e default -e isolation | paste -sd '|')
mapfile -t nameless < <(sources crates/core/src crates/server/src crates/lifespan/src crates/loadonce/src |
    grep -vE -e '^crates/loadonce/src/engines/' -e '^crates/loadonce/src/(cli/args|cli/settings/keys|repository/model_toml)\.rs$')
absent "engines are named only in crates/loadonce/src/engines, and in settings" "\\b($names)(\\b|_)" "${nameless[@]}"

long=$(find crates -type f \( -name '*.rs' -o -name '*.html' -o -name '*.md' -o -name '*.py' \) -exec wc -l {} + |
    awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines" }')
fence "no file over 800 lines" "$long"

# The table of claims in README.md names tests.
mapfile -t proofs < <(sed -n '/^| claim | proof |/,/^$/p' README.md | grep -oE '(--test main|\.\.\.) [a-z_]+' | grep -oE '[a-z_]+$')
missing=
for proof in "${proofs[@]}"; do
    grep -rqE "fn $proof\(" crates/*/tests || missing+="$proof"$'\n'
done
((${#proofs[@]} >= 8)) || missing+="README.md has no table of claims"
fence "every test that README.md names is there" "$missing"

if ((broken)); then
    printf '%d broken\n' "$broken"
    exit 1
fi
