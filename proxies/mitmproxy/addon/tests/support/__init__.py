"""Real parts to test against: a TLS origin, a next hop that records, mitmdump, an agent."""
