//! `save`: the body of a response in a file of the run's folder.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::scripted::{Reply, Scripted};

fn bench(server: &Scripted, steps: &str) -> Bench {
    let url = server.url();
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {url}}}\nsteps:\n{steps}"))
        .with(&["--out", "run"])
}

/// What was saved, by its path in the folder, sorted.
fn saved(bench: &Bench) -> Vec<(String, String)> {
    let root = bench.path("run/saved");
    let mut folders = vec![root.clone()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        assert_eq!(
            std::fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777,
            0o700
        );
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    let read = |path: &PathBuf| {
        assert_eq!(std::fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
        let name = path.strip_prefix(&root).expect("below it").display().to_string();
        (name, std::fs::read_to_string(path).expect("text"))
    };
    found.iter().map(read).collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn names(bench: &Bench) -> Vec<String> {
    saved(bench).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_body_is_kept_whole_also_where_an_assertion_fails() {
    let server = Scripted::start(|seen, _| Reply::plain(200, seen.path()));
    let steps = "  - {GET: /a, save: reports/a.txt, expect: {text: b}}\n";
    let bench = bench(&server, steps).with(&["-v"]);
    let ran = bench.run().exits(1);
    assert_eq!(saved(&bench), [("reports/a.txt".to_owned(), "/a".to_owned())]);
    let response = &ran.step(0)["attempts"][0]["exchange"]["response"];
    assert_eq!(response["saved"], "saved/reports/a.txt");
    ran.says("(saved as saved/reports/a.txt in the folder of the run)");
}

#[test]
fn cases_samples_and_steps_never_share_a_file() {
    let server = Scripted::start(|seen, number| {
        Reply::plain(if seen.path() == "/again" && number < 1 { 503 } else { 200 }, seen.path())
    });
    let steps = "  - {GET: /again, save: a.txt, retry: {times: 1, delay: 1ms}}
  - {GET: '/case/${{ case.n }}', save: a.txt, matrix: {n: [x/y, 2]}}
  - {GET: /twice, save: a.txt, repeat: 2}
  - {GET: /same, save: a.txt}
";
    let bench = bench(&server, steps);
    bench.run().exits(0);
    // `a-2.txt` is the case `2`; the last step found its name taken, and the next one too.
    let expected = ["a-2.txt", "a-3.txt", "a-sample-1.txt", "a-sample-2.txt", "a-x_y.txt", "a.txt"];
    assert_eq!(names(&bench), named(&expected));
}

#[test]
fn a_name_that_is_rendered_is_made_safe_and_a_literal_one_that_leaves_is_refused() {
    let server = Scripted::ok();
    for path in ["../a.txt", "/etc/passwd", "a/../../b", "a/", "''"] {
        let ran = bench(&server, &format!("  - {{GET: /a, save: {path}}}\n")).run().exits(3);
        assert!(ran.said.contains("plan::bad-value"), "{path}: {}", ran.said);
    }
    assert!(server.targets().is_empty());
    let steps = "  - {GET: /a, save: \"${{ '../../x' }}/\\e[31m${{ 'y' }}.txt\"}\n";
    let bench = bench(&server, steps);
    bench.run().exits(0);
    let names = names(&bench);
    assert!(names[0].starts_with("__/__/x/") && names[0].ends_with("y.txt"), "{names:?}");
    assert!(!names[0].contains('\u{1b}'), "{names:?}");
}

#[test]
fn a_body_with_a_secret_is_saved_as_it_came_with_a_warning() {
    let server = Scripted::start(|seen, _| Reply::plain(200, seen.header("x-key").unwrap_or("")));
    let plan = format!(
        "plan: P\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{GET: /a, save: a.txt, headers: {{X-Key: \"${{{{ secrets.api_key }}}}\"}}}}\n  - {{GET: /b, save: b.txt}}\n",
        server.url()
    );
    let bench = Bench::plan(&plan).variable("API_KEY", "abcdefgh1234").with(&["--out", "run"]);
    let ran = bench.run().exits(0).says("step::saved-secret").says("saved/a.txt");
    assert!(
        !ran.said.contains("abcdefgh1234") && !ran.said.contains("saved/b.txt"),
        "{}",
        ran.said
    );
    assert_eq!(saved(&bench)[0].1, "abcdefgh1234");
}

/// What lies in the folder of the run beside its events: what was saved, and what is on its way there.
fn bodies(run: &Path) -> Vec<String> {
    let entries = fs::read_dir(run).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect();
    names.retain(|name| name.starts_with("saved") || name.starts_with(".saving"));
    names
}

/// A server whose one answer is begun, and ended when the beginning of the body is seen in a file of the
/// run; `whole` says whether the rest comes at all.
fn halting(whole: bool) -> (String, impl FnOnce(PathBuf) -> bool) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = move |run: PathBuf| {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
        let half = vec![b'a'; 300_000];
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 300004\r\n\r\n").expect("a head");
        stream.write_all(&half).expect("half a body");
        let patience = Instant::now() + Duration::from_secs(60);
        let has_come = || {
            let coming = bodies(&run).into_iter().find(|name| name.starts_with(".saving"));
            let size = coming.and_then(|name| fs::metadata(run.join(name)).ok());
            size.is_some_and(|file| file.len() == 300_000)
        };
        while !has_come() && Instant::now() < patience {
            std::thread::yield_now();
        }
        let seen = has_come();
        if whole {
            stream.write_all(b"bbbb").expect("the rest");
        }
        seen
    };
    (url, serve)
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") == 1 {
        head.extend_from_slice(&byte);
    }
}

#[test]
fn a_body_is_written_while_it_comes_and_has_its_name_when_it_is_whole() {
    let (url, serve) = halting(true);
    let plan = format!("plan: P\nsteps:\n  - {{GET: {url}/a, save: out/a.txt}}\n");
    let bench = Bench::plan(&plan).with(&["--out", "run"]);
    let run = bench.path("run");
    let server = std::thread::spawn(move || serve(run));
    bench.run().exits(0);
    assert!(server.join().expect("a server"), "nothing was written before the end");
    let saved = saved(&bench);
    assert_eq!(saved[0].0, "out/a.txt");
    assert!(saved[0].1.len() == 300_004 && saved[0].1.ends_with("abbbb"));
    assert_eq!(bodies(&bench.path("run")), ["saved"]);
}

#[test]
fn of_a_body_that_breaks_off_nothing_stays() {
    let (url, serve) = halting(false);
    let plan = format!("plan: P\nsteps:\n  - {{GET: {url}/a, save: out/a.txt}}\n");
    let bench = Bench::plan(&plan).with(&["--out", "run"]);
    let run = bench.path("run");
    let server = std::thread::spawn(move || serve(run));
    let ran = bench.run().exits(5);
    assert!(server.join().expect("a server"), "nothing was written before the end");
    assert_eq!(ran.step(0)["code"], "transport::truncated", "{}", ran.said);
    assert!(bodies(&bench.path("run")).is_empty());
    // More than `max_body` is no whole body either.
    let large = Scripted::start(|_, _| Reply::plain(200, &"x".repeat(2048)));
    let steps = |size| format!("  - {{GET: /a, save: a.txt, max_body: {size}}}\n");
    let bench = self::bench(&large, &steps("1KiB"));
    assert_eq!(bench.run().exits(5).step(0)["code"], "transport::body-too-large");
    assert!(bodies(&bench.path("run")).is_empty());
    let bench = self::bench(&large, &steps("2KiB"));
    bench.run().exits(0);
    assert_eq!(names(&bench), ["a.txt"]);
}

#[test]
fn a_compressed_body_is_saved_as_it_reads_with_its_digests() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let text = "twelve bytes".repeat(100_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("gzip into memory");
    let packed = packed.finish().expect("gzip into memory");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            read_head(&mut stream);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                packed.len()
            );
            // In pieces that fall anywhere.
            let _ = stream.write_all(head.as_bytes());
            for piece in packed.chunks(7) {
                let _ = stream.write_all(piece);
            }
        }
    });
    let plan = |sha256: &str| {
        format!(
            "plan: P\ndefaults: {{base_url: {url}}}\nsteps:\n  - GET: /a\n    save: a.txt\n    expect: {{size: 1200000, sha256: {sha256}}}\n"
        )
    };
    let digest =
        planrun::units::hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    let bench = Bench::plan(&plan(&digest)).with(&["--out", "run"]);
    bench.run().exits(0);
    assert!(saved(&bench) == [("a.txt".to_owned(), text.clone())]);
    // The body is kept also where its digest is another one.
    let other = digest.chars().rev().collect::<String>();
    let bench = Bench::plan(&plan(&other)).with(&["--out", "run"]);
    assert_eq!(bench.run().exits(1).failures(0), ["sha256 equals"]);
    assert!(saved(&bench) == [("a.txt".to_owned(), text)]);
}

#[test]
fn of_the_attempts_of_a_step_the_last_one_is_kept() {
    let counted = || {
        Scripted::start(|seen, number| {
            let status = if seen.path() == "/again" && number < 2 { 503 } else { 200 };
            Reply::plain(status, &number.to_string())
        })
    };
    for (step, code, kept) in [
        ("{GET: /again, save: a.txt, retry: {times: 3, delay: 1ms}}", 0, "2"),
        // It ends with a failure: its body is what it failed with.
        (
            "{GET: /again, save: a.txt, retry: {times: 1, delay: 1ms}, expect: {status: 200}}",
            1,
            "1",
        ),
        ("{GET: /a, save: a.txt, poll: {every: 1ms, for: 60s}, expect: {text: '3'}}", 0, "3"),
        (
            "{GET: /a, save: a.txt, poll: {every: 1ms, for: 60s, times: 2}, expect: {text: '3'}}",
            1,
            "1",
        ),
    ] {
        let server = counted();
        let bench = bench(&server, &format!("  - {step}\n"));
        let ran = bench.run().exits(code);
        assert_eq!(saved(&bench), [("a.txt".to_owned(), kept.to_owned())], "{step}");
        let attempts = ran.step(0)["attempts"].as_array().expect("attempts").clone();
        let told = |attempt: &serde_json::Value| {
            attempt["exchange"]["response"]["saved"].as_str().map(str::to_owned)
        };
        let (last, before) = attempts.split_last().expect("an attempt");
        assert_eq!(told(last).as_deref(), Some("saved/a.txt"), "{step}");
        assert!(before.iter().all(|attempt| told(attempt).is_none()), "{step}");
        assert_eq!(bodies(&bench.path("run")), ["saved"], "{step}");
    }
}

#[test]
fn the_body_after_a_challenge_is_kept_not_that_of_the_challenge() {
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    for (right, kept) in [(true, "welcome"), (false, "who are you?")] {
        let server = Scripted::start(move |seen, _| match seen.header("authorization") {
            Some(_) if right => Reply::plain(200, "welcome"),
            Some(_) | None => Reply::plain(401, "who are you?").with("WWW-Authenticate", challenge),
        });
        let steps = "  - {GET: /a, save: a.txt, auth: {digest: {user: u, password: not-so-secret}}, expect: {status: any}}\n";
        let bench = bench(&server, steps);
        bench.run();
        assert_eq!(saved(&bench), [("a.txt".to_owned(), kept.to_owned())]);
    }
}

#[test]
fn a_secret_that_came_with_the_body_or_across_two_pieces_of_it_is_warned_of() {
    // Bodies are looked through in pieces of 1 MiB and 8 KiB.
    let end = (1 << 20) + (8 << 10);
    for (secret, warns) in [("ticket-0123456789", true), ("ticket-012345678x", false)] {
        let body = format!("{}{secret}{}", "x".repeat(end - 8), "y".repeat(1 << 20));
        let server = Scripted::start(move |_, _| {
            Reply::plain(200, &body).with("X-Ticket", "ticket-0123456789")
        });
        let steps = "  - GET: /a
    save: a.txt
    capture: {ticket: {header: X-Ticket, secret: true}}
  - {GET: /b, headers: {X-Ticket: \"${{ ticket }}\"}}
";
        let ran = bench(&server, steps).run().exits(0);
        assert_eq!(ran.said.contains("step::saved-secret"), warns, "{}", ran.said);
    }
}
