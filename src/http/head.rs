//! The head of a request: what the plan says and what is added to it, refused where it cannot be sent.

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::decode::ACCEPTED;
use super::request::{Body, RequestFault};
use crate::outcome::{Headers, is_framing};

/// What `User-Agent` says unless the plan says otherwise.
const USER_AGENT: &str = concat!("planrun/", env!("CARGO_PKG_VERSION"));

/// Refuses a URL that cannot be asked.
pub(crate) fn check_url(url: &Url) -> Result<(), RequestFault> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestFault::Scheme { scheme: url.scheme().to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RequestFault::Userinfo);
    }
    if url.host_str().is_none_or(str::is_empty) || url.as_str().parse::<hyper::Uri>().is_err() {
        return Err(RequestFault::Url);
    }
    Ok(())
}

/// The method.
pub(crate) fn method(text: &str) -> Result<Method, RequestFault> {
    // reqwest would speak CONNECT to a proxy with it.
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| RequestFault::Method { method: text.to_owned() })
}

/// The plan's headers, and the defaults that it leaves open.
pub(crate) fn headers(
    stated: &[(String, String)],
    method: &Method,
    body: &Body,
) -> Result<HeaderMap, RequestFault> {
    let mut headers = HeaderMap::with_capacity(stated.len() + 4);
    for (name, text) in stated {
        let value = value(name, text)?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| RequestFault::HeaderName { name: name.clone() })?;
        if is_framing(name.as_str()) {
            return Err(RequestFault::FramingHeader { name: name.to_string() });
        }
        headers.append(name, value);
    }
    for (name, text) in [
        (header::USER_AGENT, USER_AGENT),
        (header::ACCEPT, "*/*"),
        (header::ACCEPT_ENCODING, ACCEPTED),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(text));
    }
    // RFC 9110 §8.6: a method that anticipates content says so even where there is none.
    if body.is_empty() && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
    }
    Ok(headers)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, RequestFault> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| RequestFault::HeaderValue {
        name: name.to_owned(),
        character: text.chars().find(|c| c.is_ascii_control() && *c != '\t').unwrap_or('\0'),
    })
}

/// Refuses a cookie of the plan that would end early or begin another one.
pub(crate) fn check_cookies(cookies: &[(String, String)]) -> Result<(), RequestFault> {
    for (name, value) in cookies {
        let ends = |c: &char| c.is_control() || *c == ';';
        let bad = name
            .chars()
            .find(|c| ends(c) || *c == '=' || c.is_whitespace())
            .or_else(|| value.chars().find(ends));
        if let Some(character) = bad {
            return Err(RequestFault::Cookie { name: name.clone(), character });
        }
    }
    Ok(())
}

/// Joins the plan's cookies and those of the jar into the one `Cookie` header that there may be.
pub(crate) fn add_cookies(
    headers: &mut HeaderMap,
    stated: &[(String, String)],
    jar: &[(String, String)],
) -> Result<(), RequestFault> {
    let kept = jar.iter().filter(|(name, _)| stated.iter().all(|(known, _)| known != name));
    let pairs: Vec<String> =
        stated.iter().chain(kept).map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let mut text = pairs.join("; ");
    if let Some(own) = headers.get(header::COOKIE) {
        text = format!("{}; {text}", String::from_utf8_lossy(own.as_bytes()));
    }
    let value = value("cookie", &text)?;
    headers.insert(header::COOKIE, value);
    Ok(())
}

/// A request that lost its body loses what was said of it.
pub(crate) fn drop_body_headers(headers: &mut HeaderMap) {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LOCATION,
        header::TRANSFER_ENCODING,
        header::EXPECT,
    ] {
        headers.remove(name);
    }
}

/// Host and port as the `Host` header has them.
pub(crate) fn authority(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).ok()
}

/// The headers as they are sent: with those that the client adds.
pub(crate) fn sent(headers: &HeaderMap, url: &Url, body: &Body) -> Headers {
    let mut sent = texts(headers);
    let has = |name: HeaderName| headers.contains_key(name);
    if !has(header::HOST)
        && let Some(host) = authority(url)
    {
        let host = String::from_utf8_lossy(host.as_bytes()).into_owned();
        sent.insert(0, ("host".to_owned(), host));
    }
    if !has(header::CONTENT_LENGTH) && !has(header::TRANSFER_ENCODING) {
        let size = match body {
            Body::Bytes(_) | Body::Stream { .. } if body.is_empty() => None,
            Body::Empty => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Stream { size: Some(size), .. } => Some(*size),
            Body::Stream { size: None, .. } => {
                sent.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
                None
            }
        };
        sent.extend(size.map(|size| ("content-length".to_owned(), size.to_string())));
    }
    sent
}

/// Names and texts; bytes that are not UTF-8 are replaced.
pub(crate) fn texts(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_line_break_in_a_value_is_refused_and_named() {
        let stated = [pair("X-Name", "a\r\nX-Other: b")];
        let fault = headers(&stated, &Method::GET, &Body::Empty).expect_err("it is refused");
        assert_eq!(
            fault.to_string(),
            "the value of the header `X-Name` holds a line break, which cannot be sent in a header"
        );
        assert!(headers(&[pair("X Name", "a")], &Method::GET, &Body::Empty).is_err());
        assert!(headers(&[pair("X-Name", "ä")], &Method::GET, &Body::Empty).is_ok());
    }

    #[test]
    fn a_header_that_frames_the_message_is_not_the_plans_to_state() {
        for name in ["Content-Length", "transfer-encoding", "Connection", "TE", "Trailer"] {
            let fault = headers(&[pair(name, "3")], &Method::POST, &Body::Empty);
            let fault = fault.expect_err("it is refused").to_string();
            assert!(fault.ends_with("it follows from the body and the connection"), "{fault}");
        }
        for name in ["Host", "Expect", "Content-Type", "X-Upgrade"] {
            assert!(headers(&[pair(name, "a")], &Method::POST, &Body::Empty).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_body_of_no_bytes_is_announced_where_content_is_expected() {
        let empty = Body::Bytes(Bytes::new());
        for (method, length) in
            [(Method::POST, Some("0")), (Method::PUT, Some("0")), (Method::GET, None)]
        {
            let made = headers(&[], &method, &empty).expect("good headers");
            let told = made.get("content-length").map(|value| value.to_str().expect("digits"));
            assert_eq!(told, length, "{method}");
            let url = Url::parse("http://a.test/").expect("a URL of the test");
            let sent = sent(&made, &url, &empty);
            let sent = sent.iter().find(|(name, _)| name == "content-length");
            assert_eq!(sent.map(|(_, value)| value.as_str()), length, "{method}");
        }
    }

    #[test]
    fn a_cookie_cannot_begin_another_one() {
        assert!(check_cookies(&[pair("a", "1; b=2")]).is_err());
        assert!(check_cookies(&[pair("a=b", "1")]).is_err());
        assert!(check_cookies(&[pair("a", "1\n")]).is_err());
        assert_eq!(check_cookies(&[pair("a", "1=2")]), Ok(()));
    }

    #[test]
    fn what_the_plan_states_is_not_overridden() {
        let stated = [pair("accept", "text/csv"), pair("Accept-Encoding", "identity")];
        let made = headers(&stated, &Method::GET, &Body::Empty).expect("good headers");
        assert_eq!(made.get_all("accept").iter().count(), 1);
        assert_eq!(made["accept"], "text/csv");
        assert_eq!(made["accept-encoding"], "identity");
        assert!(made["user-agent"].to_str().is_ok_and(|agent| agent.starts_with("planrun/")));
    }

    #[test]
    fn a_cookie_of_the_plan_replaces_the_one_in_the_jar() {
        let mut made = HeaderMap::new();
        let stated = [pair("a", "1"), pair("a", "2")];
        let jar = [pair("a", "3"), pair("b", "4")];
        add_cookies(&mut made, &stated, &jar).expect("good cookies");
        assert_eq!(made["cookie"], "a=1; a=2; b=4");
    }

    #[test]
    fn a_url_that_cannot_be_asked_is_refused() {
        let check = |text| check_url(&Url::parse(text).expect("a URL of the test"));
        assert_eq!(check("https://a.test/x?y=1"), Ok(()));
        assert_eq!(check("ftp://a.test/"), Err(RequestFault::Scheme { scheme: "ftp".into() }));
        assert_eq!(check("http://u@a.test/"), Err(RequestFault::Userinfo));
    }
}
