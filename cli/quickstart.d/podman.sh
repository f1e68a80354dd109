# shellcheck shell=bash
# Stage `podman` of cli/quickstart: the programs of a second engine, for who prefers it and for the
# tests. Its service is started by bottle itself, and by tests/lib/podman.

missing_podman_packages() {
    local pair
    # Without root, networks need slirp4netns and ids need uidmap's programs.
    for pair in podman:podman runc:runc conmon:conmon newuidmap:uidmap slirp4netns:slirp4netns iptables:iptables; do
        have "${pair%%:*}" || echo "${pair##*:}"
    done
    [ -e /usr/lib/podman/netavark ] || [ -e /usr/libexec/podman/netavark ] || echo optional:netavark
    have catatonit || [ -e /usr/libexec/podman/catatonit ] || echo optional:catatonit
}

stage_podman() {
    local wanted
    mapfile -t wanted < <(missing_podman_packages)
    if [ "${#wanted[@]}" = 0 ]; then
        say "$(podman --version) is there"
        return
    fi
    install_packages "${wanted[@]}"
    say "$(podman --version)"
}
