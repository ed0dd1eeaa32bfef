//! A run on a terminal: what stays on the screen, colours, widths, Ctrl-C.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::misbehaving::Misbehaving;
use crate::{Project, until};

/// A terminal of some width with planrun on it.
struct Seat {
    keyboard: File,
    output: Receiver<Vec<u8>>,
    screen: Screen,
    child: Child,
}

impl Seat {
    /// Sits down at a terminal that belongs to planrun, as a shell would give it one.
    fn new(project: &Project, width: u16, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal");
        resize(&ours, width);
        let path = ptsname(&ours, Vec::new()).expect("its name").into_string().expect("UTF-8");
        let theirs = || File::options().read(true).write(true).open(&path).expect("the other end");
        let planrun = project.command(args);
        let mut command = std::process::Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(planrun.get_program())
            .args(planrun.get_args())
            .current_dir(project.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied())
            .stdin(Stdio::from(theirs()))
            .stdout(Stdio::from(theirs()))
            .stderr(Stdio::from(theirs()));
        let child = command.spawn().expect("setsid starts");
        drop(command);
        let keyboard = File::from(ours);
        let mut reader = keyboard.try_clone().expect("a copy");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal ends with an error once nobody has the other end.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                let Some(part) = bytes.get(..read) else { return };
                if sender.send(part.to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard, output, screen: Screen::new(width), child }
    }

    /// Reads until the screen shows what is waited for.
    fn waits_for(&mut self, what: &str, mut is_there: impl FnMut(&Screen) -> bool) {
        let Self { output, screen, .. } = self;
        until(what, || {
            for part in output.try_iter() {
                screen.take(&part);
            }
            is_there(screen)
        });
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a key");
    }

    /// Waits for the end; the exit code, and the screen as it is left.
    fn leaves(mut self) -> (i32, Screen) {
        let code = self.child.wait().expect("its end").code().unwrap_or(-1);
        for part in &self.output {
            self.screen.take(&part);
        }
        (code, self.screen)
    }
}

fn resize(terminal: impl std::os::fd::AsFd, width: u16) {
    let size = Winsize { ws_row: 200, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("a size");
}

/// What a terminal would show: just what is needed of it.
struct Screen {
    width: usize,
    rows: Vec<Vec<char>>,
    /// Rows that went on in the next one because the line was full.
    full: Vec<usize>,
    row: usize,
    column: usize,
    /// Bytes of a character or a sequence that is not whole yet.
    rest: Vec<u8>,
    /// Everything that came, as text.
    came: String,
}

impl Screen {
    fn new(width: u16) -> Self {
        Self {
            width: width.into(),
            rows: vec![Vec::new()],
            full: Vec::new(),
            row: 0,
            column: 0,
            rest: Vec::new(),
            came: String::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        // A sequence whose last letter is still to come waits for it.
        if let Some(start) = text.rfind('\u{1b}')
            && !text[start..].chars().skip(2).any(|c| c.is_ascii_alphabetic())
        {
            text.truncate(start);
        }
        self.rest.drain(..text.len());
        self.came.push_str(&text);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\u{1b}' => {
                    assert_eq!(chars.next(), Some('['), "only CSI is known");
                    let parameters: String =
                        chars.by_ref().take_while_inclusive(|c| !c.is_ascii_alphabetic());
                    self.control(&parameters);
                }
                '\r' => self.column = 0,
                '\n' => self.down(1),
                '\u{8}' => self.column = self.column.saturating_sub(1),
                '\u{7}' => {}
                other => self.put(other),
            }
        }
    }

    fn control(&mut self, sequence: &str) {
        let (number, letter) = sequence.split_at(sequence.len() - 1);
        let count = || number.parse::<usize>().unwrap_or(1).max(1);
        match letter {
            "m" | "h" | "l" => {}
            "A" => self.row = self.row.saturating_sub(count()),
            "B" => self.down(count()),
            "C" => self.column = (self.column + count()).min(self.width - 1),
            "D" => self.column = self.column.saturating_sub(count()),
            "G" => self.column = count() - 1,
            "K" => match number {
                "" | "0" => self.rows[self.row].truncate(self.column),
                "2" => self.rows[self.row].clear(),
                other => panic!("erase in line {other}"),
            },
            "J" => {
                self.rows[self.row].truncate(self.column);
                self.rows.truncate(self.row + 1);
            }
            other => panic!("`{other}` of {sequence:?} is not known"),
        }
    }

    fn down(&mut self, count: usize) {
        self.row += count;
        while self.rows.len() <= self.row {
            self.rows.push(Vec::new());
        }
    }

    fn put(&mut self, c: char) {
        if self.column >= self.width {
            self.full.push(self.row);
            self.down(1);
            self.column = 0;
        }
        let row = &mut self.rows[self.row];
        while row.len() <= self.column {
            row.push(' ');
        }
        row[self.column] = c;
        self.column += 1;
    }

    fn text(&self) -> String {
        self.rows.iter().enumerate().fold(String::new(), |mut text, (number, row)| {
            let line: String = row.iter().collect();
            if self.full.contains(&number) {
                text.push_str(&line);
            } else {
                let _ = writeln!(text, "{}", line.trim_end());
            }
            text
        })
    }
}

trait TakeWhileInclusive: Iterator<Item = char> + Sized {
    /// Up to and with the first that is not so.
    fn take_while_inclusive(self, is_so: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        for c in self {
            taken.push(c);
            if !is_so(c) {
                break;
            }
        }
        taken
    }
}

impl<I: Iterator<Item = char>> TakeWhileInclusive for I {}

/// A text without what differs from run to run: times, ids, and the gaps that they leave.
fn lasting(text: &str) -> String {
    let strip = |pattern: &str, text: &str, with: &str| {
        regex::Regex::new(pattern).expect("a pattern").replace_all(text, with).into_owned()
    };
    let text = strip(r"[0-9.]+ (µs|ms|s)\b", text, "TIME");
    let text = strip(r"run [0-9]+-[0-9]+-[0-9a-f]+", &text, "RUN");
    let text = strip(r"seed [0-9]+", &text, "SEED");
    let text = strip(r"stored in\s+\S+", &text, "STORED");
    let text = strip(r"(trace|request) [0-9a-f-]{32,36}", &text, "ID");
    let text = strip(r"[─·]*TIME", &text, "TIME");
    strip(r"[ \n·]+", &text, " ")
}

/// Plans that pass, fail, are slow enough for the moving line to be drawn, and have long names.
fn several(server: &Misbehaving) -> Project {
    let project = Project::new();
    let long = "A name that is longer than the narrowest of terminals is wide, and goes on";
    project.plan(
        "plans/a.yaml",
        &format!(
            "  - {{name: \"{long}\", GET: {}}}\n  - {{name: Slow, GET: {}}}\n",
            server.url("/ok"),
            server.url("/slow/50")
        ),
    );
    project.plan(
        "plans/b.yaml",
        &format!("  - {{name: Bad, GET: {}, expect: {{status: 201}}}}\n", server.url("/slow/50")),
    );
    project
}

#[test]
fn what_stays_on_a_screen_is_what_a_pipe_gets() {
    let server = Misbehaving::start();
    let project = several(&server);
    for width in [40, 80, 120] {
        let args = ["plans", "-j", "1"];
        let columns = width.to_string();
        let piped = project.run_with(&args, &[("COLUMNS", &columns)]).ends(1);
        assert!(!piped.out.contains(['\u{1b}', '\r']) && piped.err.is_empty(), "{piped:?}");
        let (code, screen) = Seat::new(&project, width, &args, &[]).leaves();
        assert_eq!(code, 1);
        let moved = screen.came.chars().any(|c| ('\u{2800}'..='\u{28ff}').contains(&c));
        assert!(moved, "the moving line was not drawn: {}", screen.came);
        let text = screen.text();
        assert!(!text.chars().any(|c| ('\u{2800}'..='\u{28ff}').contains(&c)), "{text}");
        assert_eq!(lasting(&text), lasting(&piped.out), "{width}\n{text}\n{}", piped.out);
    }
}

#[test]
fn a_terminal_has_colours_unless_it_is_told_not_to() {
    let server = Misbehaving::start();
    let project = Project::of(&format!("  - GET: {}\n", server.url("/ok")));
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let mut all = vec!["p.yaml"];
        all.extend(args);
        let (code, screen) = Seat::new(&project, 80, &all, variables).leaves();
        assert_eq!(code, 0, "{}", screen.came);
        regex::Regex::new("\u{1b}\\[[0-9;]+m").expect("a pattern").is_match(&screen.came)
    };
    assert!(coloured(&[], &[]));
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR", "0")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    // A terminal that can do nothing gets nothing, not even a line that moves.
    let (_, screen) = Seat::new(&project, 80, &["p.yaml"], &[("TERM", "dumb")]).leaves();
    assert!(!screen.came.contains('\u{1b}'), "{:?}", screen.came);
}

#[test]
fn lines_fit_the_terminal() {
    let server = Misbehaving::start();
    let project = several(&server);
    // Lines to copy stay whole, and so do lines of the file itself.
    let copied = |line: &str| {
        ["curl ", "again ", "ids ", "request "]
            .iter()
            .any(|word| line.trim_start().starts_with(word))
            || line.contains('│')
            || line.trim_start().starts_with("stored in")
    };
    let drawn = regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern");
    for width in [40, 80, 120] {
        let wide = Seat::new(&project, width, &["plans", "-j", "1"], &[("NO_COLOR", "1")]);
        let (_, screen) = wide.leaves();
        let text = screen.came.replace('\r', "\n");
        for line in drawn.replace_all(&text, "").lines().filter(|line| !copied(line)) {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= width.into(), "{columns} of {width}: {line}");
        }
    }
}

#[test]
fn a_terminal_that_becomes_narrower_keeps_no_trace_of_the_moving_line() {
    let server = Misbehaving::start();
    let project = Project::of(&format!(
        "  - {{name: This one hangs under a name that is rather long for a narrow terminal, GET: {}}}\n",
        server.url("/hang")
    ));
    let mut seat = Seat::new(&project, 100, &["p.yaml"], &[("NO_COLOR", "1")]);
    seat.waits_for("the moving line", |screen| screen.text().contains("1/1 This one hangs"));
    resize(&seat.keyboard, 40);
    // What had been drawn is cut by the terminal; what is drawn from now on is narrow.
    let drawn = seat.screen.came.len();
    seat.screen.rows.iter_mut().for_each(|row| row.truncate(40));
    seat.screen.width = 40;
    seat.waits_for("it to be drawn again", |screen| {
        screen.came.get(drawn..).is_some_and(|more| more.matches("1/1 This").count() > 3)
    });
    let shown = seat.screen.text();
    assert_eq!(shown.matches("This one").count(), 1, "{shown}");
    seat.types("\u{3}");
    let (code, screen) = seat.leaves();
    assert_eq!(code, 130, "{}", screen.text());
    let text = screen.text();
    assert_eq!(text.matches("1/1").count(), 0, "{text}");
    assert!(text.contains("interrupted by SIGINT"), "{text}");
}

#[test]
fn ctrl_c_says_what_happens_and_once_more_ends_at_once() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - {{name: First, GET: {0}}}\ncleanup:\n  - {{name: Tidy, DELETE: {0}, timeout: 50s}}\n",
            server.url("/hang")
        ),
    );
    let mut seat = Seat::new(&project, 80, &["p.yaml"], &[]);
    seat.waits_for("the moving line", |screen| screen.text().contains("First"));
    seat.types("\u{3}");
    seat.waits_for("the cleanup", |screen| screen.text().contains("2/2 Tidy"));
    let shown = seat.screen.text();
    assert!(shown.contains("interrupted: cleanup runs, Ctrl-C again ends at once"), "{shown}");
    seat.types("\u{3}");
    let (code, screen) = seat.leaves();
    assert_eq!(code, 130);
    let text = screen.text();
    assert!(text.contains("ended before cleanup was over"), "{text}");
    // The prompt of the shell gets a line of its own.
    assert!(screen.column == 0 && text.matches("Tidy").count() == 0, "{text}");
    assert!(!screen.came.contains("\u{1b}[?25l") || screen.came.contains("\u{1b}[?25h"));
}

/// A server that takes a connection, and not one byte of what is sent.
fn deaf() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

#[test]
fn a_body_that_takes_long_has_a_bar_and_leaves_nothing_of_it() {
    let (_held, url) = deaf();
    let upload = Project::of(&format!("  - {{name: Up, PUT: {url}, generate: {{size: 64MiB}}}}\n"));
    let server = Misbehaving::start();
    let download = server.url("/stall-body");
    let download = Project::of(&format!("  - {{name: Down, GET: {download}}}\n"));
    for (project, bar) in [
        (upload, r"1/1 Up [█░]{10} \d+ %, \S+ MiB of 64 MiB sent, \S+ \w+/s"),
        (download, r"1/1 Down ░{10} 0 %, 8 B of 1000 B received, \S+ B/s"),
    ] {
        let bar = regex::Regex::new(bar).expect("a pattern");
        let mut seat = Seat::new(&project, 120, &["p.yaml"], &[("NO_COLOR", "1")]);
        seat.waits_for("the bar", |screen| bar.is_match(&screen.text()));
        seat.types("\u{3}");
        let (code, screen) = seat.leaves();
        assert_eq!(code, 130);
        assert!(!screen.text().contains("/s"), "{}", screen.text());
    }
}

#[test]
fn a_pipe_and_a_stored_run_get_no_bar_and_a_quiet_terminal_none_either() {
    let server = Misbehaving::start();
    let stalls = server.url("/stall-body");
    let project = Project::of(&format!("  - {{GET: {stalls}, timeout: 1300ms}}\n"));
    let piped = project.run(&["p.yaml", "--out", "run"]).ends(5);
    assert!(piped.err.is_empty() && !piped.out.contains("received,"), "{piped:?}");
    let stored = project.read("run/events.jsonl");
    assert!(stored.contains("step-finished") && !stored.contains("moving"), "{stored}");
    let (_, screen) = Seat::new(&project, 120, &["p.yaml", "-q"], &[]).leaves();
    assert!(!screen.came.contains("received,"), "{}", screen.came);
}
