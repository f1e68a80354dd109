//! Standard input, read so that nothing ever waits for it.

use std::{
    io::{self, PipeWriter},
    os::fd::AsFd,
    thread,
};

use bytes::Bytes;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    stdio,
};
use tokio::sync::mpsc;

/// What is typed or piped in. Dropping it ends the reading thread, which takes no byte more than
/// it was asked for; a runtime's own standard input would sit in a read until the next key.
#[derive(Debug)]
pub(super) struct Input {
    receive: mpsc::Receiver<Bytes>,
    /// Closed by the drop: the thread's `poll` sees it.
    _alive: PipeWriter,
}

const CHUNK: usize = 16 << 10;

impl Input {
    /// Begins to read.
    pub(super) fn start() -> io::Result<Self> {
        let (wake, alive) = io::pipe()?;
        let (send, receive) = mpsc::channel(4);
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(&wake, &send))?;
        Ok(Self {
            receive,
            _alive: alive,
        })
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        self.receive.recv().await
    }
}

fn read_all(wake: &io::PipeReader, send: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let stdin = stdio::stdin();
        let mut ready = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if !ready[1].revents().is_empty() {
            return;
        }
        // Not through the standard library, whose buffer `poll` would know nothing of.
        let read = match rustix::io::read(stdin, &mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(_) => return,
        };
        if send
            .blocking_send(Bytes::copy_from_slice(&buffer[..read]))
            .is_err()
        {
            return;
        }
    }
}
