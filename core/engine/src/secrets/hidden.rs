//! What the next owner of a session must know to keep its secrets out of texts.

use std::{
    fmt,
    io::{self, Read, Write},
};

use bottle_api::{ExposeSecret, SecretString};

/// The secrets of a running session, for its next owner, who cannot ask for them again: prompts,
/// commands and tokens of the session. Goes from process to process through a pipe; never onto a
/// disk or a command line.
#[derive(Clone, Default)]
pub struct Hidden(Vec<SecretString>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

impl Hidden {
    pub(super) fn new(values: Vec<SecretString>) -> Self {
        Self(values)
    }
    pub(crate) fn values(&self) -> &[SecretString] {
        &self.0
    }
    /// Writes them for [`read`](Self::read). Blocks while a pipe is full.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        let values: Vec<&str> = self.0.iter().map(ExposeSecret::expose_secret).collect();
        let mut to = io::BufWriter::new(to);
        serde_json::to_writer(&mut to, &values)?;
        to.flush()
    }
    /// Reads what [`write`](Self::write) wrote, up to the end.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let mut text = String::new();
        from.read_to_string(&mut text)?;
        let values: Vec<String> = serde_json::from_str(&text).map_err(|error| {
            // Its own text may quote what it stumbled over.
            let (line, column) = (error.line(), error.column());
            io::Error::other(format!("no list of texts (line {line}, column {column})"))
        })?;
        Ok(Self(values.into_iter().map(SecretString::from).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_through_and_are_not_shown() {
        let sent = Hidden::new(vec!["s3cret \"\n".into(), "other".into()]);
        let mut bytes = Vec::new();
        sent.write(&mut bytes).unwrap();
        let read = Hidden::read(bytes.as_slice()).unwrap();
        let texts = |hidden: &Hidden| -> Vec<String> {
            let all = hidden.values().iter();
            all.map(|value| value.expose_secret().to_owned()).collect()
        };
        assert_eq!(texts(&read), texts(&sent));
        assert_eq!(format!("{read:?}"), "Hidden(2)");
        for broken in ["", "s3cret", "[\"s3cret\", 1]"] {
            let error = Hidden::read(broken.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
