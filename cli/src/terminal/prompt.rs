//! Questions on the terminal whose answers are not shown.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    thread,
};

use bottle_api::{SecretString, async_trait};
use bottle_engine::Prompt;
use tokio::sync::oneshot;

use super::guard::Quiet;
use crate::output::Printer;

/// Asks on `/dev/tty`, so that standard input and output stay what they are.
#[derive(Debug)]
pub(crate) struct TerminalPrompt(Printer);

impl TerminalPrompt {
    /// Makes room for the question by hiding the printer's bars meanwhile.
    pub(crate) fn new(printer: Printer) -> Self {
        Self(printer)
    }
}

#[async_trait]
impl Prompt for TerminalPrompt {
    async fn ask(&self, text: &str) -> io::Result<SecretString> {
        let mut tty = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let _hidden = self.0.hide_bars();
        // Restored by the drop, by a panic, and at the end of `main`.
        let _quiet = Quiet::enter()?;
        // Control characters in a question could pretend to be something else.
        let text = text.replace(char::is_control, " ");
        write!(tty, "{} ", text.trim_end())?;
        tty.flush()?;
        let (send, receive) = oneshot::channel();
        let mut reader = tty.try_clone()?;
        // A thread of its own: nothing waits for it when the launch is cancelled meanwhile.
        thread::Builder::new()
            .name("prompt".to_owned())
            .spawn(move || send.send(read_line(&mut reader)))?;
        let answer = receive.await.map_err(io::Error::other)?;
        writeln!(tty)?;
        answer
    }
}

fn read_line(tty: &mut File) -> io::Result<SecretString> {
    let mut byte = [0];
    let mut bytes = vec![];
    loop {
        match tty.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => bytes.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| io::Error::other("it is not UTF-8"))
}
