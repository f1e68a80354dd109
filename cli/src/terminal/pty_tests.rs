//! The terminal, tried on real pseudo-terminals: each test runs this very test binary again, as
//! the one in front of the terminal, with a made-up process behind it.

use std::{
    io::{Read, Write},
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::{Child, ExitStatus as ProcessStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use bottle_api::{
    BackendError, ExitStatus, Output, Process, ProcessControl, TermSize, async_trait,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use pty_process::{Size, blocking};
use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::{Attach, DetachKeys};
use crate::signals::{Signals, Supervised, supervise};

// ---------------------------------------------------------------- in front of the terminal

/// Writes what it is told, answers each key, and reports its size.
struct Control(UnboundedSender<Bytes>);

#[async_trait]
impl ProcessControl for Control {
    async fn resize(&self, size: TermSize) -> Result<(), BackendError> {
        let _ = self
            .0
            .send(format!("size {}x{}\r\n", size.cols, size.rows).into());
        Ok(())
    }
    async fn wait(&self) -> Result<ExitStatus, BackendError> {
        Ok(ExitStatus(7))
    }
}

/// `x` ends it, `!` panics, `f` switches to a full screen; everything else is shown as bytes.
fn fake() -> Process {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let control = Box::new(Control(send.clone()));
    let (stdin, mut typed) = tokio::io::duplex(64);
    tokio::spawn(async move {
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = typed.read(&mut buffer).await {
            let text = match &buffer[..count] {
                b"x" => break,
                b"f" => "\x1b[?1049h\x1b[?25lfull\r\n".to_owned(),
                b"!" => "PANIC".to_owned(),
                bytes => format!("got {bytes:?}\r\n"),
            };
            let _ = send.send(text.into());
        }
        let _ = send.send("END".into());
    });
    let output = stream::poll_fn(move |cx| receive.poll_recv(cx))
        .take_while(|bytes| std::future::ready(bytes != "END"))
        .map(|bytes| {
            assert!(bytes != "PANIC", "as the test wants it");
            Ok(Output::Stdout(bytes))
        });
    Process {
        stdin: Some(Box::pin(stdin)),
        output: Box::pin(output),
        control,
    }
}

#[test]
#[ignore = "is the child of the other tests"]
fn child() {
    super::install_panic_hook();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let end = runtime.block_on(async {
        let cancel = CancellationToken::new();
        let attach = Attach {
            tty: true,
            stdin: true,
            keys: DetachKeys::default(),
            cancel: cancel.clone(),
            redraw: false,
        };
        let mut signals = Signals::install().unwrap();
        let work = attach.join(fake());
        match supervise(&mut signals, &cancel, |_| {}, work).await {
            Supervised::Done(end, signal) => format!("{:?} {signal:?}", end.unwrap()),
            Supervised::Left(signal) => format!("left {signal:?}"),
        }
    });
    println!("end: {end}");
    runtime.shutdown_timeout(Duration::from_millis(100));
}

// ---------------------------------------------------------------- behind the terminal

struct Terminal {
    pty: std::sync::Arc<blocking::Pty>,
    child: Child,
    before: Termios,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Runs the child in a new terminal and waits until it is attached.
    fn open() -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(30, 90)).unwrap();
        let before = tcgetattr(pty.as_fd()).unwrap();
        let child = blocking::Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "terminal::pty_tests::child",
            ])
            .spawn(pts)
            .unwrap();
        let pty = std::sync::Arc::new(pty);
        let (send, output) = channel();
        let reader = pty.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = (&*reader).read(&mut buffer) {
                let _ = send.send(buffer[..count].to_vec());
            }
        });
        let mut this = Self {
            pty,
            child,
            before,
            output,
            seen: String::new(),
        };
        this.expect("size 90x30");
        assert!(this.is_raw());
        this
    }

    fn expect(&mut self, text: &str) {
        while !self.seen.contains(text) {
            match self.output.recv_timeout(Duration::from_mins(1)) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no {text:?} in {:?}", self.seen)
                }
            }
        }
    }

    fn type_keys(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.pty.as_fd()).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; the terminal must be exactly as it was.
    fn end(mut self, text: &str) -> (String, ProcessStatus) {
        self.expect(text);
        let status = self.child.wait().unwrap();
        let after = tcgetattr(self.pty.as_fd()).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
        (self.seen, status)
    }
}

#[test]
fn restored_when_the_program_ends() {
    let mut terminal = Terminal::open();
    terminal.type_keys("\x03");
    terminal.expect("got [3]");
    terminal.type_keys("x");
    terminal.end("end: Exited(ExitStatus(7)) None");
}

#[test]
fn restored_when_the_detach_keys_are_pressed() {
    let terminal = Terminal::open();
    terminal.type_keys("\x10\x11");
    terminal.end("end: Detached None");
}

#[test]
fn restored_after_a_panic_and_before_its_message() {
    let terminal = Terminal::open();
    terminal.type_keys("!");
    let (seen, status) = terminal.end("as the test wants it");
    assert_eq!(status.code(), Some(101), "{seen}");
    // Raw output would have left bare line feeds.
    let message = &seen[seen.find("panicked").unwrap()..];
    assert!(message.contains("\r\n"), "{message:?}");
}

#[test]
fn restored_when_a_signal_ends_it() {
    for (signal, name) in [
        (Signal::TERM, "Terminate"),
        (Signal::HUP, "Hangup"),
        (Signal::INT, "Interrupt"),
        (Signal::QUIT, "Quit"),
    ] {
        let terminal = Terminal::open();
        terminal.signal(signal);
        let (_, status) = terminal.end(&format!("end: Cancelled Some({name})"));
        assert_eq!(status.signal(), None);
    }
}

#[test]
fn a_new_size_is_forwarded() {
    let mut terminal = Terminal::open();
    terminal.pty.resize(Size::new(40, 100)).unwrap();
    terminal.expect("size 100x40");
    terminal.type_keys("x");
    terminal.end("end: Exited");
}

#[test]
fn a_full_screen_that_was_left_on_is_switched_off() {
    let mut terminal = Terminal::open();
    terminal.type_keys("f");
    terminal.expect("full");
    terminal.type_keys("\x10\x11");
    let (seen, _) = terminal.end("end: Detached");
    assert!(seen.contains("\x1b[?1049l\x1b[?25h"), "{seen:?}");
}

#[test]
fn raw_again_after_being_stopped() {
    let mut terminal = Terminal::open();
    terminal.signal(Signal::STOP);
    tcsetattr(terminal.pty.as_fd(), OptionalActions::Now, &terminal.before).unwrap();
    terminal.pty.resize(Size::new(41, 101)).unwrap();
    terminal.signal(Signal::CONT);
    terminal.expect("size 101x41");
    terminal.type_keys("a");
    terminal.expect("got [97]");
    assert!(terminal.is_raw());
    terminal.type_keys("x");
    terminal.end("end: Exited");
}
