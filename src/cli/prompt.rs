//! Asks a person for a secret: on the terminal, and what is typed is not shown.

use std::io::{self, IsTerminal as _};

use super::printer::Printer;
use crate::secret::Redacted;

/// What came of asking.
pub(super) enum Asked {
    /// What was typed; may be empty.
    Answer(String),
    /// Nobody can be asked: standard input or standard error is no terminal.
    NoTerminal,
    /// Ctrl-C.
    Interrupted,
}

/// Asks one question.
pub(super) fn ask(printer: &Printer, question: &Redacted<String>) -> Asked {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Asked::NoTerminal;
    }
    read(printer, question)
}

#[cfg(not(unix))]
fn read(_: &Printer, _: &Redacted<String>) -> Asked {
    Asked::NoTerminal
}

#[cfg(unix)]
fn read(printer: &Printer, question: &Redacted<String>) -> Asked {
    use std::io::Read as _;

    let Ok(_unseen) = Unseen::begin() else { return Asked::NoTerminal };
    printer.ask(question);
    let mut input = io::stdin().lock();
    let mut typed = Typed::default();
    loop {
        let mut byte = [0];
        // The end of the input ends the answer.
        let read = input.read(&mut byte).unwrap_or(0);
        match if read == 0 { Typing::Done } else { typed.key(byte[0]) } {
            Typing::More => {}
            Typing::Done => break,
            Typing::Interrupted => {
                printer.ask(&Redacted::literal("\n"));
                return Asked::Interrupted;
            }
        }
    }
    printer.ask(&Redacted::literal("\n"));
    Asked::Answer(String::from_utf8_lossy(&typed.bytes).into_owned())
}

/// The bytes typed so far.
#[derive(Debug, Default)]
struct Typed {
    bytes: Vec<u8>,
}

/// Whether more is to come.
#[derive(Debug, PartialEq, Eq)]
enum Typing {
    More,
    Done,
    Interrupted,
}

impl Typed {
    /// Takes one byte of the terminal, which edits no line by itself now.
    fn key(&mut self, byte: u8) -> Typing {
        const CTRL_C: u8 = 0x03;
        const CTRL_D: u8 = 0x04;
        const BACKSPACE: u8 = 0x08;
        const CTRL_U: u8 = 0x15;
        const DELETE: u8 = 0x7f;
        match byte {
            b'\n' | b'\r' | CTRL_D => return Typing::Done,
            CTRL_C => return Typing::Interrupted,
            CTRL_U => self.bytes.clear(),
            BACKSPACE | DELETE => {
                // A character of UTF-8 goes as a whole: its later bytes begin with the bits 10.
                while self.bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            other => self.bytes.push(other),
        }
        Typing::More
    }
}

/// While it lives, the terminal shows nothing of what is typed and makes no signal of it.
#[cfg(unix)]
struct Unseen {
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Unseen {
    fn begin() -> rustix::io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex};
        let before = rustix::termios::tcgetattr(io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        unseen.special_codes[SpecialCodeIndex::VMIN] = 1;
        unseen.special_codes[SpecialCodeIndex::VTIME] = 0;
        rustix::termios::tcsetattr(io::stdin(), OptionalActions::Now, &unseen)?;
        Ok(Self { before })
    }
}

#[cfg(unix)]
impl Drop for Unseen {
    fn drop(&mut self) {
        let now = rustix::termios::OptionalActions::Now;
        let _ = rustix::termios::tcsetattr(io::stdin(), now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> (String, Typing) {
        let mut typed = Typed::default();
        for byte in keys.bytes() {
            let typing = typed.key(byte);
            if typing != Typing::More {
                return (String::from_utf8(typed.bytes).unwrap(), typing);
            }
        }
        (String::from_utf8(typed.bytes).unwrap(), Typing::More)
    }

    #[test]
    fn keys_edit_the_answer() {
        assert_eq!(typed("abc\rd"), ("abc".into(), Typing::Done));
        assert_eq!(typed("abx\x7fc\n"), ("abc".into(), Typing::Done));
        assert_eq!(typed("aé\x7f\x08\x08b\n"), ("b".into(), Typing::Done));
        assert_eq!(typed("wrong\x15right\x04"), ("right".into(), Typing::Done));
        assert_eq!(typed("ab\x03"), ("ab".into(), Typing::Interrupted));
        assert_eq!(typed("ab"), ("ab".into(), Typing::More));
    }
}
