"""The policy of a bottle, enforced inside mitmproxy. See `entry.py`."""
