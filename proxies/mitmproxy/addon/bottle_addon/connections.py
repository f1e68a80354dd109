"""Hooks below HTTP: CONNECT, TLS, and every connection that mitmproxy opens."""

from __future__ import annotations

import time
from typing import Any

from mitmproxy import http, tls
from mitmproxy.proxy import layer, layers, tunnel
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tls import parse_client_hello

from . import events, netguard, request
from .hosts import normalise
from .policy import CONNECT, Policy
from .refuse import Refused
from .request import KEY, Passage
from .state import State, guarded


class Connections:
    """From a CONNECT to the first byte inside it, and from here to the outside."""

    def __init__(self, state: State) -> None:
        self._state = state

    @guarded()
    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuses a tunnel early when nothing in it could pass."""
        host = normalise(flow.request.host)
        if host is None:
            raise Refused("host", "the CONNECT target is no host name", status=400)
        port = flow.request.port
        flow.metadata[KEY] = Passage(
            host, port, "https", "CONNECT", "", f"https://{host}:{port}/", time.time()
        )
        policy = self._state.policy()
        flow.metadata[KEY].policy = policy
        request.check_literal(host)
        policy.rules.reaching(host, port, "https")

    def next_layer(self, next_layer: layer.NextLayer) -> None:
        """Leaves TLS closed where the policy says so; everything else is mitmproxy's."""
        try:
            chosen = self._passthrough(next_layer)
        except Refused:
            return
        except Exception as error:
            # Without a choice of ours, the connection is opened and judged.
            events.internal("next_layer", error)
            return
        if chosen is not None:
            next_layer.layer = chosen

    def _passthrough(self, next_layer: layer.NextLayer) -> layer.Layer | None:
        context = next_layer.context
        inside_connect = any(isinstance(one, layers.HttpLayer) for one in context.layers)
        address = context.server.address
        data = next_layer.data_client()
        if not inside_connect or address is None or not data or data[0] != 0x16:
            return None
        if any(isinstance(one, layers.ClientTLSLayer) for one in context.layers):
            return None
        host = normalise(address[0])
        policy = self._state.policy()
        if host is None or not policy.rules.passes_through(host, address[1]):
            return None
        hello = parse_client_hello(data)
        if hello is None or normalise(hello.sni or "") != host:
            # Not whole yet, or another name: opened, and then refused as fronting.
            return None
        self._log_passthrough(next_layer, host, address[1], policy)
        return self._closed(context, policy)

    def _closed(self, context: Any, policy: Policy) -> layer.Layer:
        stack = tunnel.LayerStack()
        in_upstream_mode = isinstance(context.layers[0], modes.HttpUpstreamProxy)
        if policy.next is not None and not in_upstream_mode:
            if CONNECT not in policy.next.accepts:
                raise Refused("chain", "the next hop opens no tunnels")
            context.server.via = ("http", policy.next.address)
            stack /= HttpUpstreamProxy.make(context, True)
        stack /= layers.TCPLayer(context, ignore=True)
        return stack[0]

    def _log_passthrough(
        self, next_layer: layer.NextLayer, host: str, port: int, policy: Policy
    ) -> None:
        client = next_layer.context.client
        events.egress(
            "allow",
            id=client.id,
            client=client.peername[0],
            method="CONNECT",
            url=f"https://{host}:{port}",
            host=host,
            rule=policy.rules.reaching(host, port, "https")[0].name,
            **{"class": "passthrough"},
        )

    def server_connect(self, data: Any) -> None:
        """Every connection that mitmproxy opens comes by here: past the next hop, or to an
        unlisted host, there is none, whatever went wrong before."""
        try:
            host, port = data.server.address[:2]
            netguard.check_dial(self._state.policy(), host, port)
        except Refused as refused:
            data.server.error = refused.reason
            events.egress(
                "deny",
                id=data.client.id,
                client=data.client.peername[0],
                host=data.server.address[0],
                rule=refused.rule,
                reason=refused.reason,
            )
        except Exception as error:
            data.server.error = "the proxy add-on failed on this connection"
            events.internal("server_connect", error)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """The agent does not trust the CA, or pins a certificate: without a line in the log
        nobody would find out."""
        try:
            client = data.conn
            events.egress(
                "error",
                id=client.id,
                client=data.context.client.peername[0],
                host=client.sni or (data.context.server.address or ("",))[0],
                rule="client-tls",
                reason=f"the agent broke off TLS: {client.error}",
            )
        except Exception as error:
            events.internal("tls_failed_client", error)
