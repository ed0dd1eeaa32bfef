//! Owes `cli` what a command prints: a program and its arguments, no shell, its output never logged.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::units::show_duration;

/// The most that a command may print, in bytes.
const LIMIT: u64 = 1 << 20;

/// How much of what a command says on standard error is kept, in bytes.
const COMPLAINT: u64 = 4 << 10;

/// Why a command gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecFault {
    /// There is no such program.
    NoProgram {
        /// As written.
        program: String,
    },
    /// It could not be started.
    NotStarted {
        /// As written.
        program: String,
        /// What the system says.
        why: String,
    },
    /// It ended with an error.
    Failed {
        /// As written.
        program: String,
        /// `exit code 1`, `signal 9`.
        how: String,
        /// What it said on standard error; may hold anything, a secret too.
        said: String,
    },
    /// It did not end in time, and was ended.
    TimedOut {
        /// As written.
        program: String,
        /// After this time.
        after: Duration,
        /// What it had said on standard error.
        said: String,
    },
    /// It printed more than a secret can be, or no text.
    NoSecret {
        /// As written.
        program: String,
        /// What it printed instead.
        what: &'static str,
    },
}

impl fmt::Display for ExecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram { program } => write!(f, "there is no program `{program}`"),
            Self::NotStarted { program, why } => write!(f, "`{program}` cannot be started: {why}"),
            Self::Failed { program, how, said: _ } => write!(f, "`{program}` ended with {how}"),
            Self::TimedOut { program, after, said: _ } => {
                write!(f, "`{program}` did not end within {}", show_duration(*after))
            }
            Self::NoSecret { program, what } => write!(f, "`{program}` printed {what}"),
        }
    }
}

impl ExecFault {
    /// What the command said of its failure.
    #[must_use]
    pub fn said(&self) -> &str {
        match self {
            Self::Failed { said, .. } | Self::TimedOut { said, .. } => said,
            Self::NoProgram { .. } | Self::NotStarted { .. } | Self::NoSecret { .. } => "",
        }
    }
}

/// A command that is to be started: a program with its arguments, in a folder.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The program first.
    pub words: &'a [String],
    /// Where it runs, and what a program with a slash in its name is relative to.
    pub folder: &'a Path,
}

impl Words<'_> {
    /// The program as written.
    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The same to be started: nothing is read from standard input.
    pub(super) fn command(&self) -> Command {
        let written = self.program();
        let program =
            if written.contains('/') { self.folder.join(written) } else { PathBuf::from(written) };
        let mut command = Command::new(program);
        command
            .args(self.words.iter().skip(1))
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Why it could not be started.
    pub(super) fn not_started(&self, error: &io::Error) -> ExecFault {
        let program = self.program().to_owned();
        if error.kind() == io::ErrorKind::NotFound {
            ExecFault::NoProgram { program }
        } else {
            ExecFault::NotStarted { program, why: error.to_string() }
        }
    }
}

/// What a command prints, without its one trailing line break; it has `patience` to end.
///
/// It stays in the process group of planrun, so that it can ask for a fingerprint or a password on
/// the terminal.
///
/// # Errors
/// An [`ExecFault`]; it never holds what the command printed on standard output.
pub async fn output_of(words: Words<'_>, patience: Duration) -> Result<String, ExecFault> {
    let mut child = words.command().spawn().map_err(|error| words.not_started(&error))?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = tokio::time::timeout(patience, async {
        let (status, (), ()) = tokio::join!(
            child.wait(),
            keep(stdout, &mut out, LIMIT + 1),
            keep(stderr, &mut err, COMPLAINT)
        );
        status
    })
    .await;
    let program = words.program().to_owned();
    let said = String::from_utf8_lossy(&err).into_owned();
    let status = match ended {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(ExecFault::NotStarted { program, why: error.to_string() }),
        Err(_) => return Err(ExecFault::TimedOut { program, after: patience, said }),
    };
    if !status.success() {
        return Err(ExecFault::Failed { program, how: how(status), said });
    }
    if out.len() as u64 > LIMIT {
        return Err(ExecFault::NoSecret { program, what: "more than 1 MiB" });
    }
    let Ok(mut text) = String::from_utf8(out) else {
        return Err(ExecFault::NoSecret { program, what: "bytes that are no UTF-8 text" });
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// `exit code 1`, `signal 9`.
pub(super) fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or("no exit code".to_owned(), |code| format!("exit code {code}"))
}

/// Keeps the beginning of a stream, and reads the rest away, so that nobody waits for it.
async fn keep(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, limit: u64) {
    let Some(mut stream) = stream else { return };
    let _ = (&mut stream).take(limit).read_to_end(kept).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn output(script: &str) -> Result<String, ExecFault> {
        let words = ["sh", "-c", script].map(str::to_owned);
        let words = Words { words: &words, folder: Path::new("/") };
        output_of(words, Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn one_trailing_line_break_is_cut_and_no_more() {
        assert_eq!(output("printf 'a b\\n\\n'; echo noise >&2").await, Ok("a b\n".into()));
        assert_eq!(output("printf 'a\\r\\n'").await, Ok("a".into()));
        assert_eq!(output("pwd").await, Ok("/".into()));
        assert_eq!(output(":").await, Ok(String::new()));
    }

    #[tokio::test]
    async fn no_shell_sees_the_arguments() {
        let words = ["printf", "%s|", "$HOME", "a;b", "*"].map(str::to_owned);
        let words = Words { words: &words, folder: Path::new("/") };
        let printed = output_of(words, Duration::from_secs(30)).await;
        assert_eq!(printed, Ok("$HOME|a;b|*|".into()));
    }

    #[tokio::test]
    async fn what_fails_says_how_and_what_it_said_and_never_its_output() {
        let failed = output("echo printed; echo locked >&2; exit 3").await.unwrap_err();
        assert_eq!(failed.to_string(), "`sh` ended with exit code 3");
        assert_eq!(failed.said(), "locked\n");
        assert!(!format!("{failed:?}").contains("printed"));
        let killed = output("kill -9 $$").await.unwrap_err();
        assert_eq!(killed.to_string(), "`sh` ended with signal 9");
        let bytes = output("printf '\\377'").await.unwrap_err();
        assert_eq!(bytes.to_string(), "`sh` printed bytes that are no UTF-8 text");
        let much = output("yes | head -c 3000000").await.unwrap_err();
        assert_eq!(much.to_string(), "`sh` printed more than 1 MiB");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        for program in ["no-such-program-here", "./no-such-program-here"] {
            let words = [program.to_owned()];
            let words = Words { words: &words, folder: Path::new("/") };
            let fault = output_of(words, Duration::from_secs(30)).await.unwrap_err();
            assert_eq!(fault.to_string(), format!("there is no program `{program}`"));
        }
    }

    #[tokio::test]
    async fn what_does_not_end_is_ended() {
        let words = ["sh", "-c", "echo waiting >&2; exec sleep 1000"].map(str::to_owned);
        let words = Words { words: &words, folder: Path::new("/") };
        let fault = output_of(words, Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(fault, ExecFault::TimedOut { .. }), "{fault:?}");
        assert_eq!(fault.to_string(), "`sh` did not end within 200 ms");
    }
}
