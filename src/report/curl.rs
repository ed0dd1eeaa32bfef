//! An exchange as one line for a shell: it repeats the request, and each secret is its variable.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::outcome::{Content, Exchange, Part, PartContent, REQUEST_ID, Request, TRACEPARENT};
use crate::secret::sanitise_line;

/// Headers that curl makes by itself, or that only belong to the connection.
const OWN: [&str; 6] =
    ["host", "content-length", "connection", "accept-encoding", "transfer-encoding", "user-agent"];

/// One line for a POSIX shell with `$'…'` (bash, zsh, ksh) that sends the request again.
///
/// A masked value `«secret:api_key»` becomes the variable that `variable` names, in double quotes;
/// everything else is quoted so that the shell hands on exactly the bytes that were sent. In a query
/// and in a form curl encodes the variable as planrun did. A body
/// of which only the head is known, or which is not text, is read from a file that the person has
/// to provide; the line says so at its end.
#[must_use]
pub fn curl_line(exchange: &Exchange, variable: &dyn Fn(&str) -> String) -> String {
    let request = &exchange.request;
    let quote = |text: &str| quote(text, variable);
    let mut words = vec!["curl".to_owned(), "-sS".to_owned()];
    let has_body = request.body.content != Content::Empty;
    match request.method.as_str() {
        "GET" if !has_body => {}
        "HEAD" => words.push("-I".to_owned()),
        method => words.extend(["-X".to_owned(), quote(method)]),
    }
    let (url, parameters) = without_secrets(&request.url);
    if url.contains(['[', ']', '{', '}']) {
        words.push("-g".to_owned());
    }
    let mut typed = false;
    let mut remark = "";
    let makes_type = matches!(request.body.content, Content::Parts(_));
    for (name, value) in &request.headers {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        typed |= is("content-type");
        if makes_type && is("content-type") && value.starts_with("multipart/form-data") {
            // curl chooses a boundary of its own.
            continue;
        }
        // What is sent again is another request, and bears no id of this one.
        let is_id = is(TRACEPARENT) || is(REQUEST_ID);
        if is_id && !exchange.plans_ids.iter().any(|known| is(known)) {
            continue;
        }
        if OWN.iter().any(|own| is(own)) || (is("accept") && value == "*/*") {
            if is("accept-encoding") {
                words.push("--compressed".to_owned());
            }
            continue;
        }
        // The user's name is masked together with the password.
        if let Some(password) = value.strip_prefix("Basic ").filter(|_| is("authorization")) {
            // A preview knows both apart.
            if !password.starts_with("«secret") || password.contains("»:") {
                words.extend(["-u".to_owned(), quote(password)]);
                continue;
            }
            words.extend(["-u".to_owned(), format!("USER:{}", quote(password))]);
            remark = "  # USER: the user name, which is masked together with the password";
            continue;
        }
        if let Some(digest) = value.strip_prefix("Digest ").filter(|_| is("authorization")) {
            words.push("--digest".to_owned());
            // A preview knows user and password, a run only its answer to the challenge.
            if digest.contains(':') && !digest.contains('=') {
                words.extend(["-u".to_owned(), quote(digest)]);
            } else {
                words.extend(["-u".to_owned(), "USER:PASSWORD".to_owned()]);
                remark = "  # USER and PASSWORD: those of `digest`";
            }
            continue;
        }
        // `Name;` sends a header without a value, `Name:` would remove it.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        words.extend(["-H".to_owned(), quote(&header)]);
    }
    if has_body && !typed {
        words.extend(["-H".to_owned(), "'Content-Type:'".to_owned()]);
    }
    match &request.body.content {
        Content::Empty => {}
        Content::Text(text) if !request.body.cut && is_form(request) && text.contains(MASK) => {
            for piece in text.split('&') {
                match encoded_by_curl(piece) {
                    Some(plain) => words.extend(["--data-urlencode".to_owned(), quote(&plain)]),
                    None => words.extend(["--data-raw".to_owned(), quote(piece)]),
                }
            }
        }
        Content::Text(text) if !request.body.cut => {
            words.extend(["--data-raw".to_owned(), quote(text)]);
        }
        Content::File(path) => {
            words.extend(["--data-binary".to_owned(), quote(&format!("@{path}"))]);
        }
        Content::Parts(parts) => {
            words.extend(parts.iter().flat_map(|part| form_part(part, &quote)));
        }
        Content::Generated(_) => {
            words.extend(["--data-binary".to_owned(), "@BODY".to_owned()]);
            remark = "  # BODY: a file of that size; planrun makes the bytes while it sends them";
        }
        Content::Text(_) | Content::Hex(_) => {
            words.extend(["--data-binary".to_owned(), "@BODY".to_owned()]);
            remark = "  # BODY: a file with the body, which is not kept whole";
        }
    }
    // Every curl knows `-G`, those since 7.87 `--url-query`, which leaves the body alone.
    let option = if request.method == "GET" && !has_body {
        words.extend((!parameters.is_empty()).then(|| "-G".to_owned()));
        "--data-urlencode"
    } else {
        "--url-query"
    };
    for parameter in &parameters {
        words.extend([option.to_owned(), quote(parameter)]);
    }
    words.push(quote(&url));
    words.join(" ") + remark
}

/// How every mask of a secret begins.
const MASK: &str = "«secret:";

/// A URL without the parameters that hold a secret, and those, as curl encodes them.
fn without_secrets(url: &str) -> (String, Vec<String>) {
    let Some((path, query)) = url.split_once('?').filter(|(_, query)| query.contains(MASK)) else {
        return (url.to_owned(), Vec::new());
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut parameters = Vec::new();
    for piece in query.split('&') {
        match encoded_by_curl(piece) {
            Some(parameter) => parameters.push(parameter),
            None => kept.push(piece),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    (format!("{path}{query}"), parameters)
}

/// A pair whose value holds a secret, with that value as it is before it is encoded.
fn encoded_by_curl(pair: &str) -> Option<String> {
    let (name, value) = pair.split_once('=')?;
    if !value.contains(MASK) || name.contains(MASK) || name.is_empty() {
        return None;
    }
    let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some(format!("{name}={value}"))
}

fn is_form(request: &Request) -> bool {
    request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type")
            && value.starts_with("application/x-www-form-urlencoded")
    })
}

/// A part of a multipart body, as the words of one option.
fn form_part(part: &Part, quote: &dyn Fn(&str) -> String) -> [String; 2] {
    let Part { name, content, filename, media_type } = part;
    match content {
        // `--form` would read `@` and `<` at the begin of a text as the name of a file.
        PartContent::Text(text) => ["--form-string".to_owned(), quote(&format!("{name}={text}"))],
        PartContent::File(path) => {
            let inner = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let mut value = format!("{name}=@\"{}\"", inner(path));
            if let Some(filename) = filename {
                let _ = write!(value, ";filename=\"{}\"", inner(filename));
            }
            if let Some(media_type) = media_type {
                let _ = write!(value, ";type={media_type}");
            }
            ["-F".to_owned(), quote(&value)]
        }
    }
}

/// The process variable of a secret: its name in upper case.
#[must_use]
pub(crate) fn variable_of(secret: &str) -> String {
    secret.to_ascii_uppercase()
}

/// The process variable of each secret: the one that a run names, else its own name in upper case.
pub fn variables_of(known: Option<&BTreeMap<String, String>>) -> impl Fn(&str) -> String + '_ {
    move |secret| {
        let named = known.and_then(|known| known.get(secret));
        named.cloned().unwrap_or_else(|| variable_of(secret))
    }
}

/// A word for the shell; masks become variables.
fn quote(text: &str, variable: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_mask(rest) {
        out.push_str(&literal(before));
        out.push_str("\"$");
        out.push_str(&variable(name));
        out.push('"');
        rest = after;
    }
    out.push_str(&literal(rest));
    if out.is_empty() { "''".to_owned() } else { out }
}

/// The text before the next mask, the secret's name, the text after it.
fn next_mask(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("«secret:")?;
    let (name, after) = rest.split_once('»')?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then_some((before, name, after))
}

/// Text that holds no mask, quoted where the shell would touch it.
fn literal(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    // What a terminal would not show, or would turn the line around with, is not left as it is.
    if matches!(sanitise_line(text), Cow::Borrowed(_)) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if hides(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "\\{byte:03o}");
                }
            }
            _ => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Characters that a terminal would not show, or turn the line around with.
fn hides(c: char) -> bool {
    !matches!(sanitise_line(c.encode_utf8(&mut [0; 4])), Cow::Borrowed(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Body, Phases};

    fn exchange(method: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
        let content = if body.is_empty() { Content::Empty } else { Content::Text(body.to_owned()) };
        Exchange {
            request: Request {
                method: method.into(),
                url: "http://h/a?b=1&c=2".into(),
                headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
                body: Body { content, size: body.len() as u64, sha256: None, cut: false },
            },
            hops: Vec::new(),
            response: None,
            error: None,
            phases: Phases::default(),
            reused: false,
            repeated: false,
            proxy: None,
            unverified: false,
            url_from: Vec::new(),
            secrets_sent: Vec::new(),
            plans_ids: Vec::new(),
            secret_shapes: Vec::new(),
            sent_from: Vec::new(),
        }
    }

    #[test]
    fn a_secret_is_its_variable_and_the_rest_is_quoted() {
        let line = curl_line(
            &exchange(
                "POST",
                &[("authorization", "Bearer «secret:api_key»"), ("content-type", "text/plain")],
                "it's «secret:api_key» & $HOME",
            ),
            &variable_of,
        );
        assert_eq!(
            line,
            "curl -sS -X POST -H 'authorization: Bearer '\"$API_KEY\" -H 'content-type: text/plain' \
             --data-raw 'it'\\''s '\"$API_KEY\"' & $HOME' 'http://h/a?b=1&c=2'"
        );
    }

    #[test]
    fn a_get_is_short_and_curl_adds_no_type_of_its_own() {
        let get = exchange("GET", &[("host", "h"), ("accept", "*/*")], "");
        assert_eq!(curl_line(&get, &variable_of), "curl -sS 'http://h/a?b=1&c=2'");
        let post = curl_line(&exchange("POST", &[], "x"), &variable_of);
        assert!(post.contains("-H 'Content-Type:' --data-raw x"), "{post}");
    }

    #[test]
    fn the_ids_of_a_request_are_not_those_of_its_repetition() {
        let ids = [("traceparent", "00-1-2-01"), ("x-request-id", "r-1")];
        let mut get = exchange("GET", &ids, "");
        assert_eq!(curl_line(&get, &variable_of), "curl -sS 'http://h/a?b=1&c=2'");
        get.plans_ids = vec!["x-request-id".into()];
        assert_eq!(
            curl_line(&get, &variable_of),
            "curl -sS -H 'x-request-id: r-1' 'http://h/a?b=1&c=2'"
        );
    }

    #[test]
    fn basic_asks_for_the_user_name_that_the_mask_took() {
        let get = exchange("GET", &[("authorization", "Basic «secret:password»")], "");
        let line = curl_line(&get, &variable_of);
        assert!(line.starts_with("curl -sS -u USER:\"$PASSWORD\" 'http://h/"), "{line}");
        assert!(line.contains("# USER: the user name"), "{line}");
    }

    #[test]
    fn curl_encodes_a_secret_in_a_query_and_in_a_form() {
        let mut get = exchange("GET", &[], "");
        get.request.url = "http://h/a?b=1&key=x%20«secret:api_key»&c=2".into();
        assert_eq!(
            curl_line(&get, &variable_of),
            "curl -sS -G --data-urlencode 'key=x '\"$API_KEY\" 'http://h/a?b=1&c=2'"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let mut post = exchange("POST", &form, "a=1%202&key=«secret:api_key»");
        post.request.url = "http://h/?key=«secret:api_key»".into();
        let line = curl_line(&post, &variable_of);
        assert!(
            line.ends_with(
                "--data-raw a=1%202 --data-urlencode key=\"$API_KEY\" --url-query key=\"$API_KEY\" http://h/"
            ),
            "{line}"
        );
    }

    #[test]
    fn parts_and_files_are_read_by_curl_too() {
        let mut post = exchange("POST", &[("content-type", "multipart/form-data; boundary=x")], "");
        post.request.body.content = Content::Parts(vec![
            Part {
                name: "note".into(),
                content: PartContent::Text("@it's «secret:api_key»".into()),
                filename: None,
                media_type: None,
            },
            Part {
                name: "photo".into(),
                content: PartContent::File("data/a b.png".into()),
                filename: Some("\"x\".png".into()),
                media_type: Some("image/png".into()),
            },
        ]);
        assert_eq!(
            curl_line(&post, &variable_of),
            "curl -sS -X POST --form-string 'note=@it'\\''s '\"$API_KEY\" \
             -F 'photo=@\"data/a b.png\";filename=\"\\\"x\\\".png\";type=image/png' \
             'http://h/a?b=1&c=2'"
        );
        post.request.headers.clear();
        post.request.body.content = Content::File("data/a.bin".into());
        let line = curl_line(&post, &variable_of);
        assert!(line.contains("-H 'Content-Type:' --data-binary @data/a.bin"), "{line}");
        post.request.body.content = Content::Generated(7);
        let line = curl_line(&post, &variable_of);
        assert!(line.contains("--data-binary @BODY") && line.contains("# BODY"), "{line}");
    }

    #[test]
    fn a_body_that_is_not_kept_whole_is_not_invented() {
        let mut post = exchange("POST", &[("content-type", "a/b")], "head");
        post.request.body.cut = true;
        let line = curl_line(&post, &variable_of);
        assert!(line.contains("--data-binary @BODY") && line.contains("# BODY"), "{line}");
        assert!(!line.contains("head"));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only a shell can say how it reads a line")]
    fn the_shell_hands_on_exactly_what_was_sent() {
        let awkward = "a'b\"c\\d $x `y` \u{1b}[31m\r\n\té世\u{202e}!*?~#;<>|(){}[] é\u{1}9";
        let words = format!("printf %s {}", quote(awkward, &variable_of));
        assert!(!words.chars().any(char::is_control), "{words:?}");
        let shell = std::process::Command::new("bash").arg("-c").arg(words).output();
        let said = shell.map(|out| out.stdout).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&said), awkward);
    }
}
