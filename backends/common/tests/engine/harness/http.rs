//! Requests straight to the engine's socket, for what the backend does not show.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::lane;

/// Status and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

pub(crate) async fn call(method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut stream = UnixStream::connect(lane::socket()).await.unwrap();
    // HTTP/1.0: the answer is not chunked and ends with the connection.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: body.to_owned(),
    }
}
