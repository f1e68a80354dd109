//! A stand-in of the Messages API, as far as an agent's one-shot answer needs it.

use std::{collections::HashMap, convert::Infallible, sync::Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Response, body::Frame, header::HeaderValue};
use tokio::sync::watch;

use crate::origin::{Body, Seen, gate, reply};

/// What the model says before the gate.
pub const FIRST: &str = "bottle-first-words";
/// What it says after the gate.
pub const LAST: &str = "bottle-last-words";
/// The prompt's part that names the gate at which the stream waits between the two: `gate=NAME;`.
pub const GATE: &str = "gate=";

/// Answers `POST /v1/messages`: as a stream when asked to, which waits for the gate that the
/// conversation names, if it names one.
pub(crate) fn answer(
    seen: &Seen,
    gates: &Mutex<HashMap<String, watch::Sender<bool>>>,
) -> Response<Body> {
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let model = body["model"].as_str().unwrap_or("stand-in").to_owned();
    if body["stream"].as_bool() != Some(true) {
        let message = serde_json::json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": format!("{FIRST} {LAST}")}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 2},
        });
        return reply(200, "application/json", &message.to_string());
    }
    let text = String::from_utf8_lossy(&seen.body);
    let named = text
        .split_once(GATE)
        .and_then(|(_, rest)| rest.split_once(';'))
        .map(|(name, _)| name);
    let gate = gate(gates, named.unwrap_or("none"));
    if named.is_none() {
        gate.send_replace(true);
    }
    stream(events(&model), 3, gate)
}

fn events(model: &str) -> Vec<String> {
    let delta = |text: &str| {
        serde_json::json!({
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": text},
        })
    };
    [
        serde_json::json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": model,
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }}),
        serde_json::json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "text", "text": ""}}),
        delta(FIRST),
        delta(&format!(" {LAST}")),
        serde_json::json!({"type": "content_block_stop", "index": 0}),
        serde_json::json!({"type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": 2}}),
        serde_json::json!({"type": "message_stop"}),
    ]
    .iter()
    .map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    })
    .collect()
}

/// Streams `events`, waiting for the gate after the first `before` of them.
pub(crate) fn stream(
    events: Vec<String>,
    before: usize,
    gate: watch::Sender<bool>,
) -> Response<Body> {
    let steps = futures_util::stream::unfold((0, gate), move |(at, gate)| {
        let event = events.get(at).cloned();
        async move {
            let event = event?;
            if at == before {
                let _ = gate.subscribe().wait_for(|open| *open).await;
            }
            let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(event)));
            Some((frame, (at + 1, gate)))
        }
    });
    let mut response = Response::new(StreamBody::new(steps).boxed_unsync());
    response.headers_mut().insert(
        "content-type",
        HeaderValue::from_static("text/event-stream"),
    );
    response
}
