//! What a program switched on in the terminal, so that it can be switched off again.
//!
//! A full-screen agent that is killed, or left by the detach keys, has no chance to tidy up
//! itself: without this the shell would come back on the alternate screen, without a cursor and
//! with a mouse that types.

use std::collections::BTreeSet;

use vte::{Params, Parser, Perform};

/// Follows what is written to the terminal.
#[derive(Default)]
pub(crate) struct Modes {
    parser: Parser,
    state: State,
}

#[derive(Default)]
struct State {
    /// DEC private modes that are on and should be off, as numbers.
    on: BTreeSet<u16>,
    /// The cursor is hidden: the one mode that is normally on.
    cursor_hidden: bool,
    /// How many sets of keyboard flags were pushed.
    keyboards: u16,
    /// `modifyOtherKeys` was set.
    other_keys: bool,
    /// Colours or other attributes may be set.
    attributes: bool,
}

/// Modes worth undoing: application cursor keys, mouse reports, focus reports, alternate
/// screens, bracketed paste, synchronised output.
const UNDO: [u16; 14] = [
    1, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026,
];
const CURSOR: u16 = 25;

impl Modes {
    /// Takes what is written.
    pub(crate) fn feed(&mut self, output: &[u8]) {
        self.parser.advance(&mut self.state, output);
    }

    /// What to write to be where we began; empty when nothing is left on.
    pub(crate) fn undo(&self) -> String {
        let state = &self.state;
        let mut parts = vec![];
        if state.attributes {
            parts.push("\x1b[m".to_owned());
        }
        if state.other_keys {
            parts.push("\x1b[>4m".to_owned());
        }
        if state.keyboards > 0 {
            parts.push(format!("\x1b[<{}u", state.keyboards));
        }
        // The screen last: what was pushed there belongs to it.
        parts.extend(state.on.iter().map(|mode| format!("\x1b[?{mode}l")));
        if state.cursor_hidden {
            parts.push("\x1b[?25h".to_owned());
        }
        parts.concat()
    }
}

impl Perform for State {
    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], _ignore: bool, action: char) {
        let first = || {
            params
                .iter()
                .next()
                .and_then(|param| param.first().copied())
        };
        match (marks, action) {
            (b"?", 'h' | 'l') => {
                let on = action == 'h';
                for mode in params.iter().filter_map(|param| param.first().copied()) {
                    if mode == CURSOR {
                        self.cursor_hidden = !on;
                    } else if UNDO.contains(&mode) {
                        if on {
                            self.on.insert(mode);
                        } else {
                            self.on.remove(&mode);
                        }
                    }
                }
            }
            (b">", 'u') => self.keyboards = self.keyboards.saturating_add(1),
            (b"<", 'u') => {
                let count = first().unwrap_or_default().max(1);
                self.keyboards = self.keyboards.saturating_sub(count);
            }
            (b">", 'm') if first() == Some(4) => self.other_keys = params.len() > 1,
            (b"", 'm') => {
                let reset = |param: &[u16]| param == [0];
                self.attributes = !params.is_empty() && !params.iter().last().is_some_and(reset);
            }
            _ => {}
        }
    }
}

impl std::fmt::Debug for Modes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Modes").field(&self.undo()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pieces: &[&str]) -> String {
        let mut modes = Modes::default();
        for piece in pieces {
            modes.feed(piece.as_bytes());
        }
        modes.undo()
    }

    #[test]
    fn a_program_that_tidies_up_leaves_nothing() {
        assert_eq!(after(&["plain text\r\n"]), "");
        assert_eq!(
            after(&[
                "\x1b[?1049h\x1b[?25l\x1b[31m",
                "x\x1b[0m\x1b[?25h\x1b[?1049l"
            ]),
            ""
        );
        assert_eq!(after(&["\x1b[>1u", "\x1b[<u"]), "");
        assert_eq!(after(&["\x1b[>4;2m", "\x1b[>4m"]), "");
    }

    #[test]
    fn one_that_does_not_is_undone() {
        assert_eq!(
            after(&["\x1b[?1049;1002;20", "04h\x1b[?25l\x1b[>1u"]),
            "\x1b[<1u\x1b[?1002l\x1b[?1049l\x1b[?2004l\x1b[?25h"
        );
        assert_eq!(after(&["\x1b[1;31mred"]), "\x1b[m");
        assert_eq!(after(&["\x1b[>4;2m"]), "\x1b[>4m");
    }

    #[test]
    fn unknown_modes_are_left_alone() {
        assert_eq!(after(&["\x1b[?7777h\x1b[4h"]), "");
    }
}
