# shellcheck shell=bash
# Stage `base` of cli/quickstart: the image every recipe starts from.

base_ready() { have docker && docker image inspect "$base_image" >/dev/null 2>&1; }

stage_base() {
    if base_ready; then
        say "$base_image is there"
        return
    fi
    engine_answers || fail "no engine answers" "run: $root/cli/quickstart packages engine base"
    if pull_base; then
        say "pulled $base_image"
    else
        bootstrap_base
    fi
    add_host_cas
}

# A registry out of reach usually fails at once (no such host); the limit is for silent networks.
pull_base() {
    local log
    log=$(mktemp)
    if timeout 300 docker pull --quiet "$base_image" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    say "no container registry in reach ($(tail -n 1 "$log" | cut -c1-120)): building $base_image from Debian packages"
    rm -f "$log"
    return 1
}

bootstrap_base() {
    local tarball=$cache/base-$base_suite-$(uname -m).tar.gz
    if ! [ -s "$tarball" ]; then
        need_root "building $base_image without a registry"
        have debootstrap || install_packages debootstrap
        debootstrap_tarball "$tarball"
    fi
    docker import --change 'CMD ["bash"]' "$tarball" "$base_image" >/dev/null ||
        fail "the engine did not take $tarball" "remove that file and run again"
    say "imported $base_image from $tarball"
}

# The same trimming as the published slim image, so that a recipe meets the same system either way.
debootstrap_tarball() { # TARBALL
    local work mirror
    work=$(mktemp -d /var/tmp/bottle-base.XXXXXX)
    # shellcheck disable=SC2064 # the value of now is meant
    trap "rm -rf --one-file-system '$work'" EXIT
    say "debootstrap $base_suite (about a minute)"
    if ! debootstrap --variant=minbase "$base_suite" "$work/root" >"$work/log" 2>&1; then
        tail -n 15 "$work/log" >&2
        fail "debootstrap failed; its last lines are above"
    fi
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$work/root/etc/apt/sources.list")
    cat >"$work/root/etc/apt/sources.list" <<LIST
deb $mirror $base_suite main
deb $mirror $base_suite-updates main
deb ${mirror%/debian*}/debian-security $base_suite-security main
LIST
    trim_root "$work/root"
    mkdir -p "$(dirname "$1")"
    tar --numeric-owner --create --directory "$work/root" . | gzip -1 >"$1.part"
    mv "$1.part" "$1"
    rm -rf --one-file-system "$work"
    trap - EXIT
}

trim_root() { # ROOT
    cat >"$1/etc/dpkg/dpkg.cfg.d/docker" <<'CFG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
force-unsafe-io
CFG
    cat >"$1/etc/apt/apt.conf.d/docker" <<'CFG'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
CFG
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 755 "$1/usr/sbin/policy-rc.d"
    find "$1/usr/share/doc" -mindepth 2 ! -type d ! -name copyright -delete
    local folder
    for folder in groff info linda lintian locale man; do
        rm -rf "$1/usr/share/$folder"
    done
    rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/* \
        "$1"/var/log/*.log "$1"/var/log/apt "$1"/debootstrap
    : >"$1/etc/machine-id"
    : >"$1/etc/hostname"
    : >"$1/etc/resolv.conf"
}

# Where the network ends TLS with its own CA, package managers in an image build must know that CA.
# It goes where `update-ca-certificates` looks, so a recipe that installs ca-certificates trusts it.
add_host_cas() {
    local files=(/usr/local/share/ca-certificates/*.crt) work
    [ -e "${files[0]}" ] || return 0
    work=$(mktemp -d)
    cp -L "${files[@]}" "$work/"
    printf 'FROM %s\nCOPY *.crt /usr/local/share/ca-certificates/\n' "$base_image" >"$work/Dockerfile"
    if ! DOCKER_BUILDKIT=0 docker build --quiet --tag "$base_image" "$work" >"$work/log" 2>&1; then
        tail -n 5 "$work/log" >&2
        rm -rf "$work"
        fail "could not add this machine's own CAs to $base_image"
    fi
    rm -rf "$work"
    say "added ${#files[@]} CA(s) of this machine to $base_image (from /usr/local/share/ca-certificates)"
}
