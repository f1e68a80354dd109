# shellcheck shell=bash
# Stage `run` of cli/quickstart: a first bottle.

# A first bottle with a configuration of its own: the user's is neither read nor written. The one
# host it allows is the mirror the images were built from, so it is in reach wherever this gets here.
stage_run() {
    local bottle=$target/release/bottle status=0
    [ -x "$bottle" ] || fail "$bottle is missing" "run: $root/cli/quickstart build run"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/bottle-quickstart.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    mkdir -p "$scratch/config/bottle" "$scratch/work"
    # The agent runs as the owner of its working folder; nobody should try this as root.
    if is_root; then chown 1000:1000 "$scratch/work"; fi
    url=$(base_mirror || true)/dists/$base_suite/Release
    mirror=$(cut -d/ -f3 <<<"$url")
    [ -n "$mirror" ] || fail "found no http mirror in the package sources of $base_image"
    choose_chain
    cd "$scratch/work"
    export XDG_CONFIG_HOME=$scratch/config
    if [ -t 0 ] && [ -t 1 ]; then
        say "a shell in a bottle that may reach $mirror only; its working folder is scratch; leave it with exit"
        "$bottle" run shell || status=$?
    else
        demonstrate "$bottle" || status=$?
    fi
    cd "$root"
    return "$status"
}

base_mirror() {
    docker run --rm --network none "$base_image" \
        sh -c 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null' |
        grep -oE 'http://[^ ]+' | head -n 1 | sed 's|/*$||'
}

choose_chain() {
    local chain='"mitmproxy", "pipelock"' table="" binary=""
    if docker image inspect "$pipelock_image" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$pipelock_image" >/dev/null 2>&1; then
        say "proxies: mitmproxy and pipelock ($pipelock_image)"
    elif binary=$(command -v pipelock); then
        table=$(printf 'binary = "%s"' "$(readlink -f "$binary")")
        say "proxies: mitmproxy and pipelock ($binary; its image is out of reach)"
        say "  for your own bottles put this into \`${XDG_CONFIG_HOME:-$HOME/.config}/bottle/config.toml\`:"
        say "  [proxy.pipelock] $table"
    else
        chain='"mitmproxy"'
        say "skipped pipelock: $pipelock_image cannot be pulled and no \`pipelock\` is on PATH"
        say "proxies: mitmproxy alone, its add-on enforces the allowlist; for your own bottles: --proxy mitmproxy"
    fi
    cat >"$scratch/config/bottle/config.toml" <<TOML
[launch]
backend = "docker"
proxies = [$chain]

[egress]
allow = ["${mirror%%:*}"]
trusted_private = ["${mirror%%:*}"] # a mirror inside your own network is fine

${table:+[proxy.pipelock]
$table}
TOML
}

demonstrate() { # BOTTLE
    local address
    address=$(getent ahostsv4 "${mirror%%:*}" | awk '{ print $1; exit }') || true
    say "a bottle asks for:"
    if ! "$1" run shell -- sh -c "$(cat "$parts/demonstration.sh")" demonstration "$url" "${address:-192.0.2.1}"; then
        stage=run fail "the bottle did not behave as shown above" "look closer with: $1 doctor"
    fi
    say "done. Next: $1 init, then $1 run claude"
}
