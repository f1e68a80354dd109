# shellcheck shell=bash
# Stage `engine` of cli/quickstart: a Docker engine that answers.

# `--network=host` still means the container's own network namespace, served by the kernel's TCP
# stack; Debian's runsc releases cannot set up their own stack on current kernels. The other two make
# files that one side writes visible to the other, as `docker cp` and runc have it: without them the
# sandbox keeps its writes to itself. Releases before 2024 do not do so, nor do they know the flag.
daemon_config() {
    local arguments='"--network=host"'
    if runsc_current; then arguments+=', "--overlay2=none", "--file-access=shared"'; fi
    cat <<JSON
{
  "runtimes": {
    "runsc": { "path": "/usr/bin/runsc", "runtimeArgs": [$arguments] }
  }
}
JSON
}

# An engine that this script installed, and nobody reconfigured since.
our_engine() { cmp -s /etc/docker/daemon.json <(daemon_config); }

# Only where no engine is installed and nobody wrote a configuration: a user's own stays untouched.
write_daemon_config() {
    if [ -e /etc/docker/daemon.json ]; then
        say "kept /etc/docker/daemon.json as it is"
        return
    fi
    mkdir -p /etc/docker
    daemon_config >/etc/docker/daemon.json
    say "wrote /etc/docker/daemon.json (runtime runsc)"
}

stage_engine() {
    if engine_answers; then
        say "Docker $(docker version --format '{{.Server.Version}}') answers; runtimes: $(engine_runtimes)"
        say_runsc
        return
    fi
    have docker || fail "no \`docker\` command to ask the engine with" "install the client of your engine, then run this again"
    if [ -n "${DOCKER_HOST:-}" ]; then
        fail "the engine at DOCKER_HOST=$DOCKER_HOST does not answer" "unset DOCKER_HOST to start one on this machine"
    fi
    if [ -S /var/run/docker.sock ] && ! [ -w /var/run/docker.sock ]; then
        fail "no permission on /var/run/docker.sock" "join the group that owns it: sudo usermod -aG docker $(id -un), then log in again"
    fi
    if foreign_engine; then
        fail "nothing answers on /var/run/docker.sock" "start that engine, or remove the socket it left behind"
    fi
    have dockerd || fail "no container engine on this machine" "run: $root/cli/quickstart packages engine"
    need_root "starting the Docker engine"
    start_engine
    say "Docker $(docker version --format '{{.Server.Version}}') started; runtimes: $(engine_runtimes)"
    say_runsc
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        systemctl start docker || fail "\`systemctl start docker\` failed" "see: journalctl -u docker"
        wait_for_engine "" "journalctl -u docker"
        return
    fi
    # No init system: the daemon must outlive this shell, hence its own session and closed stdin.
    setsid nohup dockerd >>"$daemon_log" 2>&1 </dev/null &
    local daemon=$!
    disown
    wait_for_engine "$daemon" "$daemon_log"
}

wait_for_engine() { # PID-or-empty WHERE-THE-LOG-IS
    local tick
    for tick in $(seq 1 120); do
        engine_answers && return
        if [ -n "$1" ] && ! kill -0 "$1" 2>/dev/null; then
            tail -n 10 "$daemon_log" >&2
            fail "dockerd ended at once; its last lines are above" "the whole log: $2"
        fi
        sleep 0.5
    done
    fail "the engine was started but does not answer after $((tick / 2)) s" "see: $2"
}

engine_runtimes() {
    docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' | tr ' ' '\n' |
        grep -v '^io\.containerd\.' | grep . | sort | paste -sd' '
}

say_runsc() {
    if ! engine_runtimes | tr ' ' '\n' | grep -qx runsc; then
        say "skipped runsc: this engine has no such runtime; agents run on its default one"
        say "  to add it: put {\"runtimes\":{\"runsc\":{\"path\":\"/usr/bin/runsc\"}}} in the engine's daemon.json and reload it"
    elif have runsc && ! runsc_current; then
        say "note: $(runsc --version | head -n 1): \`ls -l\` and \`stat\` fail in its sandboxes; releases from 2024 on are fine"
    fi
}
