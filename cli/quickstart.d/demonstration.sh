# shellcheck shell=sh
# Runs inside a bottle: URL of the one allowed host, its address. Shows what gets out and what does
# not; fails when anything is otherwise.
url=$1 address=$2 failed=0
check() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then verdict=ok; else verdict="WRONG, wanted $2"; failed=1; fi
    printf '  %-66s %s (%s)\n' "$1" "$3" "$verdict"
}
status() { curl -s -o /dev/null -w '%{http_code}' --connect-timeout 10 --max-time 60 "$@" || true; }
check "an allowed host: $url" 200 "$(status -L "$url")"
check "a host nobody allowed: http://unlisted.example/" 403 "$(status http://unlisted.example/)"
check "the allowed host past the proxies, by address: $address" 000 "$(status --noproxy '*' "http://$address/")"
check "the allowed host past the proxies, by name" 000 "$(status --noproxy '*' "$url")"
exit $failed
