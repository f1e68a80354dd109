# shellcheck shell=bash
# gVisor's `runsc` for stage `packages` of cli/quickstart.
#
# Releases before 2024 refuse a flag of `statx` that current coreutils set: `ls -l` and `stat` fail
# in their sandboxes. Debian 12 packages such a release; Debian 13's is one static binary without
# dependencies, so it runs there just as well.
runsc_release=trixie
runsc_oldest=20240101

# YYYYMMDD in a version's text; nothing when it has none.
runsc_date() { grep -oE '20[0-9]{6}' <<<"$1" | head -n 1 || true; }

runsc_current() {
    local date
    have runsc || return 1
    date=$(runsc_date "$(runsc --version 2>/dev/null)")
    [ -z "$date" ] || [ "$date" -ge "$runsc_oldest" ]
}

install_runsc() {
    local date
    date=$(runsc_date "$(apt-cache policy runsc | awk '/Candidate:/ { print $2 }')")
    if [ -n "$date" ] && [ "$date" -ge "$runsc_oldest" ]; then
        apt_get install --yes --no-install-recommends runsc
    elif ! install_runsc_from_release; then
        if [ -z "$date" ]; then
            say "skipped runsc: neither this release nor $runsc_release has it for this machine"
            return
        fi
        apt_get install --yes --no-install-recommends runsc
    fi
    say "installed $(runsc --version | head -n 1)"
}

# With lists and settings of its own: the machine's package sources stay as they are.
install_runsc_from_release() {
    local work mirror options=()
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || return 1
    work=$(mktemp -d)
    chmod 755 "$work"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/package"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$runsc_release" >"$work/list"
    options=(-o "Dir::Etc::sourcelist=$work/list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
        -o "Dir::Cache=$work/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
    if apt-get "${options[@]}" update >"$work/log" 2>&1 &&
        (cd "$work/package" && apt-get "${options[@]}" download runsc >>"$work/log" 2>&1) &&
        dpkg --install "$work"/package/runsc_*.deb >>"$work/log" 2>&1; then
        rm -rf "$work"
        return 0
    fi
    say "could not get runsc from $runsc_release: $(grep -m 1 -E '^(E|Err|dpkg)' "$work/log" || tail -n 1 "$work/log")"
    rm -rf "$work"
    return 1
}
