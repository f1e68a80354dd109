//! A container's log, line by line.

use std::collections::VecDeque;

use bottle_api::{BoxStream, Output};
use bytes::BytesMut;
use futures_util::{StreamExt, stream};

/// Longer lines are delivered in pieces, so that a program cannot make us hold all of its output.
const MAX_LINE: usize = 1024 * 1024;

/// Cuts output into lines, standard output and error in the order in which they come. An
/// unfinished line of the one is kept apart from the other's.
pub fn lines(output: BoxStream<Output>) -> BoxStream<String> {
    struct State {
        output: BoxStream<Output>,
        unfinished: [BytesMut; 2],
        ready: VecDeque<String>,
        over: bool,
    }
    let state = State {
        output,
        unfinished: Default::default(),
        ready: VecDeque::new(),
        over: false,
    };
    Box::pin(stream::unfold(state, |mut state| async move {
        loop {
            if let Some(line) = state.ready.pop_front() {
                return Some((Ok(line), state));
            }
            if state.over {
                return None;
            }
            match state.output.next().await {
                Some(Ok(Output::Stdout(bytes))) => {
                    state.unfinished[0].extend_from_slice(&bytes);
                    cut(&mut state.unfinished[0], &mut state.ready);
                }
                Some(Ok(Output::Stderr(bytes))) => {
                    state.unfinished[1].extend_from_slice(&bytes);
                    cut(&mut state.unfinished[1], &mut state.ready);
                }
                Some(Err(error)) => {
                    state.over = true;
                    return Some((Err(error), state));
                }
                None => {
                    state.over = true;
                    let rest = state.unfinished.iter().filter(|rest| !rest.is_empty());
                    state.ready.extend(rest.map(|rest| text(rest)));
                }
            }
        }
    }))
}

fn cut(buffer: &mut BytesMut, ready: &mut VecDeque<String>) {
    while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
        let line = buffer.split_to(end + 1);
        ready.push_back(text(&line[..end]));
    }
    while buffer.len() > MAX_LINE {
        ready.push_back(text(&buffer.split_to(MAX_LINE)));
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::TryStreamExt;

    async fn read(output: Vec<Output>) -> Vec<String> {
        lines(Box::pin(stream::iter(output.into_iter().map(Ok))))
            .try_collect()
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn lines_are_joined_and_kept_apart() {
        let out = |text: &'static str| Output::Stdout(Bytes::from_static(text.as_bytes()));
        let err = |text: &'static str| Output::Stderr(Bytes::from_static(text.as_bytes()));
        let seen = read(vec![
            out("one\ntw"),
            err("bad\r\n"),
            out("o\n\nth"),
            err("worse"),
            out("ree"),
        ])
        .await;
        assert_eq!(seen, ["one", "bad", "two", "", "three", "worse"]);
    }

    #[tokio::test]
    async fn endless_lines_are_delivered_in_pieces() {
        let long = Output::Stdout(Bytes::from(vec![b'x'; MAX_LINE * 2 + 5]));
        let seen = read(vec![long]).await;
        let lengths: Vec<_> = seen.iter().map(String::len).collect();
        assert_eq!(lengths, [MAX_LINE, MAX_LINE, 5]);
    }
}
