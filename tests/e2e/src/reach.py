# Tries every target given as `KIND ADDRESS PORT`, side by side, and prints `alive` or `dead` with
# each. tcp and udp want any answer; dns-udp and dns-tcp want an answer with an address in it.
import concurrent.futures, socket, sys

QUERY = bytes.fromhex("abcd01000001000000000000") + b"\x07example\x03org\x00" + b"\x00\x01\x00\x01"


def resolved(answer):
    return len(answer) > 7 and answer[3] & 15 == 0 and answer[7] > 0


def tried(target):
    kind, address, port = target.split()
    stream = kind in ("tcp", "dns-tcp")
    try:
        family, _, _, _, where = socket.getaddrinfo(address, int(port), 0, socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as s:
            s.settimeout(3)
            if stream:
                s.connect(where)
            if kind == "tcp":
                return True
            # Not connected: an answer from another of the host's addresses is an answer.
            if stream:
                s.send(len(QUERY).to_bytes(2, "big") + QUERY)
            else:
                s.sendto(QUERY, where)
            answer = s.recv(512)
            return resolved(answer[2:] if stream else answer) if "dns" in kind else bool(answer)
    except OSError:
        return False


with concurrent.futures.ThreadPoolExecutor(64) as pool:
    for target, alive in zip(sys.argv[1:], pool.map(tried, sys.argv[1:])):
        print("alive" if alive else "dead", target)
