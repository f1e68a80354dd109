//! A program's output as it comes over the connection: as it is (with a terminal), or in frames
//! that tell standard output from standard error.

use std::pin::Pin;

use bottle_api::{BackendError, BackendErrorKind, BoxStream, Output};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const CHUNK: usize = 16 * 1024;
const HEADER: usize = 8;

/// Takes frames apart. Delivers what is there of a frame without waiting for the rest.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: BytesMut,
    /// Kind of the frame that is being delivered, and how much of it is missing.
    frame: Option<(u8, usize)>,
}

/// The kind of frame by which the engine says that something went wrong.
const SYSTEM_ERROR: u8 = 3;

impl Frames {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece, if one is there.
    pub(crate) fn next(&mut self) -> Option<Result<Output, String>> {
        loop {
            let Some((kind, left)) = self.frame else {
                if self.buffer.len() < HEADER {
                    return None;
                }
                let header = self.buffer.split_to(HEADER);
                let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
                self.frame = Some((header[0], length as usize));
                continue;
            };
            if left == 0 {
                self.frame = None;
                continue;
            }
            // An error's text is wanted whole.
            if self.buffer.is_empty() || (kind == SYSTEM_ERROR && self.buffer.len() < left) {
                return None;
            }
            let piece = self.buffer.split_to(left.min(self.buffer.len())).freeze();
            self.frame = Some((kind, left - piece.len()));
            return Some(match kind {
                0 | 1 => Ok(Output::Stdout(piece)),
                2 => Ok(Output::Stderr(piece)),
                SYSTEM_ERROR => Err(String::from_utf8_lossy(&piece).into_owned()),
                other => Err(format!("a frame of unknown kind {other}")),
            });
        }
    }

    /// Whether the stream may end here.
    fn is_whole(&self) -> bool {
        self.buffer.is_empty() && self.frame.is_none_or(|(_, left)| left == 0)
    }
}

struct State<S> {
    pieces: Pin<Box<S>>,
    frames: Frames,
    over: bool,
}

/// Turns pieces of bytes into output.
pub fn output<S, E>(pieces: S, framed: bool, operation: &'static str) -> BoxStream<Output>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let broken = move |why: &str| BackendError::new(BackendErrorKind::EngineDown, operation, why);
    if !framed {
        return Box::pin(pieces.map(move |piece| {
            piece
                .map(Output::Stdout)
                .map_err(|error| broken(&error.to_string()))
        }));
    }
    let state = State {
        pieces: Box::pin(pieces),
        frames: Frames::default(),
        over: false,
    };
    Box::pin(stream::unfold(state, move |mut state| async move {
        if state.over {
            return None;
        }
        loop {
            match state.frames.next() {
                Some(Ok(piece)) => return Some((Ok(piece), state)),
                Some(Err(why)) => {
                    state.over = true;
                    let error = BackendError::new(BackendErrorKind::Other, operation, why);
                    return Some((Err(error), state));
                }
                None => {}
            }
            match state.pieces.next().await {
                Some(Ok(piece)) => state.frames.feed(&piece),
                Some(Err(error)) => {
                    state.over = true;
                    return Some((Err(broken(&error.to_string())), state));
                }
                None if state.frames.is_whole() => return None,
                None => {
                    state.over = true;
                    return Some((Err(broken("the output was cut off")), state));
                }
            }
        }
    }))
}

/// The bytes of a reader, as they come.
pub fn pieces<R>(reader: R) -> impl Stream<Item = std::io::Result<Bytes>> + Send
where
    R: AsyncRead + Send + Unpin + 'static,
{
    stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let mut buffer = BytesMut::with_capacity(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(buffer.copy_to_bytes(buffer.len())), Some(reader))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Standard input of a program. Its end is told by closing one direction of the connection, on
/// shutdown as well as on drop.
pub(crate) struct Input<W: AsyncWrite + Send + Unpin + 'static> {
    writer: Option<W>,
    /// Closing the direction means end-of-file. Otherwise (a terminal, or an input that outlives
    /// its clients) it would make the engine end the output too.
    half_close: bool,
}

impl<W: AsyncWrite + Send + Unpin + 'static> Input<W> {
    pub(crate) fn new(writer: W, half_close: bool) -> Self {
        Self {
            writer: Some(writer),
            half_close,
        }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Drop for Input<W> {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take()
            && self.half_close
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                // The other side may have gone already.
                let _ = writer.shutdown().await;
            });
        }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> AsyncWrite for Input<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        match &mut self.get_mut().writer {
            Some(writer) => Pin::new(writer).poll_write(cx, bytes),
            None => std::task::Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into())),
        }
    }
    fn poll_flush(
        self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        match &mut self.get_mut().writer {
            Some(writer) => Pin::new(writer).poll_flush(cx),
            None => std::task::Poll::Ready(Ok(())),
        }
    }
    fn poll_shutdown(
        self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let this = self.get_mut();
        match &mut this.writer {
            Some(writer) if this.half_close => {
                let done = std::task::ready!(Pin::new(writer).poll_shutdown(cx));
                this.writer = None;
                std::task::Poll::Ready(done)
            }
            Some(writer) => Pin::new(writer).poll_flush(cx),
            None => std::task::Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    async fn read(pieces: Vec<Vec<u8>>, framed: bool) -> Vec<Result<Output, BackendErrorKind>> {
        let pieces = stream::iter(
            pieces
                .into_iter()
                .map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))),
        );
        output(pieces, framed, "read")
            .map(|item| item.map_err(|error| error.kind()))
            .collect()
            .await
    }
    type Read = Result<Output, BackendErrorKind>;
    const OUT: fn(&str) -> Read =
        |text| Ok(Output::Stdout(Bytes::copy_from_slice(text.as_bytes())));
    const ERR: fn(&str) -> Read =
        |text| Ok(Output::Stderr(Bytes::copy_from_slice(text.as_bytes())));

    #[tokio::test]
    async fn frames_are_taken_apart_wherever_they_are_cut() {
        let all = [frame(1, "out"), frame(2, "err"), frame(1, "")].concat();
        assert_eq!(
            read(vec![all.clone()], true).await,
            [OUT("out"), ERR("err")]
        );
        let bytes = all.iter().map(|byte| vec![*byte]).collect();
        let joined = read(bytes, true).await;
        assert_eq!(joined.len(), 6, "each byte as it comes: {joined:?}");
    }

    #[tokio::test]
    async fn a_cut_frame_and_an_engine_error_are_errors() {
        let mut cut = frame(1, "out");
        cut.truncate(10);
        assert_eq!(
            read(vec![cut], true).await,
            [OUT("ou"), Err(BackendErrorKind::EngineDown)]
        );
        let bad = [frame(3, "went wrong"), frame(1, "never seen")].concat();
        assert_eq!(read(vec![bad], true).await, [Err(BackendErrorKind::Other)]);
        assert_eq!(
            read(vec![frame(9, "x")], true).await,
            [Err(BackendErrorKind::Other)]
        );
    }

    /// What begins with a small byte looked like a frame to bollard, and the terminal hung.
    #[tokio::test]
    async fn a_terminals_bytes_are_never_taken_for_frames() {
        let raw = "\u{1}\0\0\0\u{7f}\u{7f}\u{7f}\u{7f}text";
        assert_eq!(read(vec![raw.as_bytes().to_vec()], false).await, [OUT(raw)]);
    }

    #[tokio::test]
    async fn input_ends_on_shutdown_and_on_drop_only_where_it_may() {
        for (half_close, shut, ended) in [
            (true, false, true),
            (true, true, true),
            (false, false, true), // the duplex itself is dropped
            (false, true, false),
        ] {
            let (near, mut far) = tokio::io::duplex(64);
            let mut input = Input::new(near, half_close);
            input.write_all(b"x").await.unwrap();
            if shut {
                input.shutdown().await.unwrap();
            }
            let kept = shut.then_some(input);
            let mut buffer = [0; 8];
            assert_eq!(far.read(&mut buffer).await.unwrap(), 1);
            if ended {
                assert_eq!(far.read(&mut buffer).await.unwrap(), 0);
            } else {
                let more = far.read(&mut buffer).now_or_never();
                assert!(more.is_none(), "{half_close} {shut}: {more:?}");
            }
            drop(kept);
        }
    }
}
