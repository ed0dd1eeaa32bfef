//! Owes steps and defaults what they say of a request beside its URL.

use super::super::keys;
use super::super::reader::{Fields, Reader};
use super::super::{
    ApiKeyPlace, Auth, Backoff, Connection, CookiesAst, HttpWord, RequestOptions, Retry, RetryWhen,
    Templated, TlsAst,
};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

/// The options among the fields of a step or of `defaults`.
pub(crate) fn options(reader: &mut Reader, fields: &Fields<'_>) -> RequestOptions {
    RequestOptions {
        base_url: None,
        headers: fields.value("headers").map(|n| reader.headers(n)).unwrap_or_default(),
        cookies: fields.value("cookies").map(|n| cookies(reader, n)),
        auth: fields
            .value("auth")
            .and_then(|n| auth(reader, n).map(|auth| Box::new(Spanned::new(auth, n.place)))),
        timeout: fields.value("timeout").and_then(|n| reader.limit_at(n, "30s")),
        connect_timeout: fields.value("connect_timeout").and_then(|n| reader.limit_at(n, "10s")),
        follow_redirects: fields.value("follow_redirects").and_then(|n| follow(reader, n)),
        max_body: fields
            .value("max_body")
            .and_then(|n| reader.size(n).map(|size| Spanned::new(size, n.place))),
        connection: fields
            .value("connection")
            .and_then(|n| reader.templated_word(n, &Connection::WORDS)),
        http: fields.value("http").and_then(|n| reader.templated_word(n, &HttpWord::WORDS)),
        retry: fields.get("retry").and_then(|entry| retry(reader, entry)),
        tls: fields.value("tls").map(|n| Box::new(Spanned::new(tls(reader, n), n.place))),
        proxy: None,
        resolve: Vec::new(),
    }
}

fn tls(reader: &mut Reader, node: &Node) -> TlsAst {
    let tls = reader.fields(node, "`tls`", &[keys::TLS]);
    if let (Some(key), false) = (tls.get("key"), tls.names("cert")) {
        reader.missing(key.key.place, "`key`", "cert", "cert: client.pem");
    }
    let mut file = |key: &str| tls.value(key).and_then(|node| super::body::file(reader, node));
    let (ca_file, cert, key) = (file("ca_file"), file("cert"), file("key"));
    let insecure = tls
        .value("insecure")
        .and_then(|n| Some(Spanned::new(reader.templated(n, "true or false", "true")?, n.place)));
    let server_name = tls
        .value("server_name")
        .filter(|node| reader.title(node, "the name of the server").is_some())
        .cloned();
    TlsAst { insecure, ca_file, cert, key, server_name }
}

fn cookies(reader: &mut Reader, node: &Node) -> CookiesAst {
    if node.as_str() == Some("none") {
        return CookiesAst::None;
    }
    CookiesAst::Send(reader.pairs(
        node,
        "a mapping of cookies, or `none`",
        "cookies: {session: abc}",
    ))
}

/// `true` is at most 10, `false` none.
fn follow(reader: &mut Reader, node: &Node) -> Option<Spanned<Templated<u32>>> {
    let most = match node.kind {
        Kind::Bool(follows) => Templated::Known(if follows { 10 } else { 0 }),
        Kind::Empty
        | Kind::Null
        | Kind::Number { .. }
        | Kind::String(_)
        | Kind::List(_)
        | Kind::Map(_) => reader.templated(node, "true, false or a number", "true")?,
    };
    Some(Spanned::new(most, node.place))
}

fn auth(reader: &mut Reader, node: &Node) -> Option<Auth> {
    const EXAMPLE: &str = "auth: {bearer: \"${{ secrets.api_key }}\"}";
    match &node.kind {
        Kind::String(text) if text == "none" => return Some(Auth::None),
        Kind::String(_) if node.has_template() => return Some(Auth::Template(node.clone())),
        Kind::Map(_) => {}
        Kind::Empty
        | Kind::Null
        | Kind::Bool(_)
        | Kind::Number { .. }
        | Kind::String(_)
        | Kind::List(_) => {
            reader.wrong(node, "a mapping (`bearer`, `basic`, `api_key`) or `none`", EXAMPLE);
            return None;
        }
    }
    let fields = reader.fields(node, "`auth`", &[keys::AUTH]);
    let kinds = fields.of(keys::AUTH);
    let entry = match kinds.as_slice() {
        [one] => *one,
        [] => {
            if node.entries().is_empty() {
                reader.wrong(
                    node,
                    "one of `bearer`, `basic`, `api_key`, `oauth2`, `digest`",
                    EXAMPLE,
                );
            }
            return None;
        }
        [first, second, ..] => {
            let finding = Finding::error(Code::Conflict, "a request shows who it is in one way")
                .at(second.key.place, "")
                .at(first.key.place, "the first")
                .help("keep one of them; more headers go under `headers`");
            reader.push(finding);
            *first
        }
    };
    match entry.key.value.as_str() {
        "bearer" => {
            reader.text(&entry.value, "a token")?;
            Some(Auth::Bearer(entry.value.clone()))
        }
        "basic" => {
            let (user, password) = user_and_password(reader, entry)?;
            Some(Auth::Basic { user, password })
        }
        "digest" => {
            let (user, password) = user_and_password(reader, entry)?;
            Some(Auth::Digest { user, password })
        }
        "oauth2" => oauth2(reader, entry),
        _ => api_key(reader, entry),
    }
}

/// What `basic` and `digest` take.
fn user_and_password(reader: &mut Reader, entry: &Entry) -> Option<(Node, Node)> {
    let what = format!("`{}`", entry.key.value);
    let fields = reader.fields(&entry.value, &what, &[keys::BASIC]);
    if matches!(entry.value.kind, Kind::Map(_)) {
        for key in ["user", "password"] {
            if !fields.names(key) {
                reader.missing(entry.key.place, &what, key, &format!("{key}: …"));
            }
        }
    }
    let (user, password) = (fields.value("user")?, fields.value("password")?);
    reader.text(user, "a user name")?;
    reader.text(password, "a password")?;
    if user.as_str().is_some_and(|user| !user.contains("${{") && user.contains(':')) {
        let message = format!("a user name of {what} holds no `:`");
        let finding = Finding::error(Code::BadValue, message)
            .at(user.place, "")
            .help("what follows the first `:` would be read as the password (RFC 7617 §2)");
        reader.push(finding);
    }
    Some((user.clone(), password.clone()))
}

fn oauth2(reader: &mut Reader, entry: &Entry) -> Option<Auth> {
    let fields = reader.fields(&entry.value, "`oauth2`", &[keys::OAUTH2]);
    if !matches!(entry.value.kind, Kind::Map(_)) {
        return None;
    }
    for (key, example) in
        [("token_url", "token_url: https://auth.example.com/token"), ("client_id", "client_id: …")]
    {
        if !fields.names(key) {
            reader.missing(entry.key.place, "`oauth2`", key, example);
        }
    }
    let mut text = |key: &str, wanted: &str| {
        let node = fields.value(key)?;
        reader.text(node, wanted).is_some().then(|| node.clone())
    };
    let token_url = text("token_url", "the URL of the token endpoint");
    let client_id = text("client_id", "the id of the client");
    let client_secret = text("client_secret", "the secret of the client");
    let scope = text("scope", "what the token is to allow");
    Some(Auth::OAuth2 { token_url: token_url?, client_id: client_id?, client_secret, scope })
}

fn api_key(reader: &mut Reader, entry: &Entry) -> Option<Auth> {
    let fields = reader.fields(&entry.value, "`api_key`", &[keys::API_KEY]);
    if !matches!(entry.value.kind, Kind::Map(_)) {
        return None;
    }
    if !fields.names("value") {
        reader.missing(entry.key.place, "`api_key`", "value", "value: ${{ secrets.api_key }}");
    }
    if !fields.names("header") && !fields.names("query") {
        reader.missing(entry.key.place, "`api_key`", "header", "header: X-Api-Key");
    }
    if let (Some(header), Some(query)) = (fields.get("header"), fields.get("query")) {
        let finding = Finding::error(Code::Conflict, "a key goes into a header or into the query")
            .at(query.key.place, "")
            .at(header.key.place, "")
            .help("keep one of the two");
        reader.push(finding);
    }
    let (place, name) = match fields.value("header") {
        Some(header) => (ApiKeyPlace::Header, header),
        None => (ApiKeyPlace::Query, fields.value("query")?),
    };
    let name = reader.spanned(name, "a name")?;
    let value = fields.value("value")?;
    reader.text(value, "a key")?;
    Some(Auth::ApiKey { place, name, value: value.clone() })
}

fn retry(reader: &mut Reader, entry: &Entry) -> Option<Spanned<Retry>> {
    let node = &entry.value;
    if let Kind::Number { written, .. } = &node.kind {
        reader.wrong(node, "a mapping", format_args!("retry: {{times: {written}}}"));
        return None;
    }
    let fields = reader.fields(node, "`retry`", &[keys::RETRY]);
    if !matches!(node.kind, Kind::Map(_)) {
        return None;
    }
    if !fields.names("times") {
        reader.missing(entry.key.place, "`retry`", "times", "times: 3");
    }
    let times = fields.value("times").and_then(|n| reader.templated(n, "a number of tries", "3"));
    let delay = fields.value("delay").and_then(|n| reader.duration(n));
    let backoff = fields
        .value("backoff")
        .and_then(|n| reader.templated_word(n, &Backoff::WORDS))
        .map(|word| word.value);
    let max_delay = fields.value("max_delay").and_then(|n| reader.duration(n));
    let jitter = fields.value("jitter").and_then(|n| reader.templated(n, "true or false", "true"));
    let when = match fields.value("when") {
        Some(node) => when(reader, node),
        None => vec![RetryWhen::Transport, RetryWhen::Status(429), RetryWhen::Class(5)],
    };
    let retry = Retry { times: times?, delay, backoff, max_delay, jitter, when };
    Some(Spanned::new(retry, node.place))
}

fn when(reader: &mut Reader, node: &Node) -> Vec<RetryWhen> {
    if !matches!(node.kind, Kind::List(_)) {
        let shown = node.text_of().unwrap_or_default();
        reader.wrong(node, "a list", format_args!("when: [{shown}]"));
        return Vec::new();
    }
    let mut when = Vec::new();
    for item in node.items() {
        let text = item.text_of().unwrap_or_default();
        let class = text.strip_suffix("xx").and_then(|n| n.parse().ok());
        let status = text.parse::<u16>().ok();
        match (class, status) {
            (Some(class @ 1..=5), _) => when.push(RetryWhen::Class(class)),
            (_, Some(status @ 100..=599)) => when.push(RetryWhen::Status(status)),
            _ if text == "transport" => when.push(RetryWhen::Transport),
            _ => {
                let finding =
                    Finding::error(Code::BadValue, format!("a retry cannot wait for `{text}`"))
                        .at(item.place, "")
                        .help(
                            "write `transport`, a status such as `429`, or a class such as `5xx`",
                        );
                reader.push(finding);
            }
        }
    }
    when
}
