"""Waits until the proxy and the hops behind it are ready: exit 0, or 1 with the last reason.

Asks the way an agent would, through the proxy. Standard library only.
"""

import argparse
import http.client
import json
import sys
import time

_INTERVAL = 0.1


def ask(host, port):
    """`None` when ready, otherwise why not."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "http://bottle.invalid/ready", headers={"Host": "bottle.invalid"})
        answer = connection.getresponse()
        body = answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        return f"mitmproxy does not answer: {error}"
    finally:
        connection.close()
    try:
        report = json.loads(body)
        if answer.status == 200 and report["ready"] is True:
            return None
        reasons = [f"{hop['name']}: {hop['reason']}" for hop in report["hops"] if not hop["ready"]]
        return "; ".join(reasons) or f"mitmproxy answered {answer.status}"
    except (ValueError, KeyError, TypeError):
        return f"mitmproxy answered {answer.status}, but the bottle add-on is not loaded"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", default="127.0.0.1:8080")
    parser.add_argument("--timeout", type=float, default=30.0)
    options = parser.parse_args()
    host, _, port = options.proxy.rpartition(":")
    end = time.monotonic() + options.timeout
    while True:
        why = ask(host, int(port))
        if why is None:
            return 0
        if time.monotonic() >= end:
            print(why)
            return 1
        time.sleep(_INTERVAL)


if __name__ == "__main__":
    sys.exit(main())
