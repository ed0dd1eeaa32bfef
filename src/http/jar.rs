//! The cookie jar of one case (RFC 6265): what responses set, requests to matching URLs send.

use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

/// Cookies kept between the requests of one case; a clone shares them.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    store: Arc<Mutex<cookie_store::CookieStore>>,
}

impl Jar {
    /// An empty jar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The cookies that go to this URL, longest path first (RFC 6265 §5.4), then by name.
    #[must_use]
    pub fn cookies_for(&self, url: &Url) -> Vec<(String, String)> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<(usize, String, String)> = store
            .matches(url)
            .into_iter()
            .map(|cookie| {
                let path: &str = cookie.path.as_ref();
                (path.len(), cookie.name().to_owned(), cookie.value().to_owned())
            })
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        found.into_iter().map(|(_, name, value)| (name, value)).collect()
    }

    /// Keeps what one `Set-Cookie` value of a response from this URL says; a malformed one is ignored.
    pub fn keep(&self, set_cookie: &str, url: &Url) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = store.parse(set_cookie, url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL of the test")
    }

    #[test]
    fn a_cookie_goes_back_to_where_it_came_from_and_nowhere_else() {
        let jar = Jar::new();
        jar.keep("session=1; Path=/", &url("http://a.test/login"));
        jar.keep("deep=2; Path=/x/y", &url("http://a.test/login"));
        let pairs = |text| jar.cookies_for(&url(text));
        assert_eq!(pairs("http://a.test/"), [("session".into(), "1".into())]);
        assert_eq!(
            pairs("http://a.test/x/y/z"),
            [("deep".into(), "2".into()), ("session".into(), "1".into())]
        );
        assert_eq!(pairs("http://b.test/"), []);
    }

    #[test]
    fn a_secure_cookie_is_not_sent_in_the_clear_and_an_expired_one_is_dropped() {
        let jar = Jar::new();
        jar.keep("s=1; Secure", &url("https://a.test/"));
        assert_eq!(jar.cookies_for(&url("http://a.test/")), []);
        jar.keep("s=1; Max-Age=0", &url("https://a.test/"));
        assert_eq!(jar.cookies_for(&url("https://a.test/")), []);
    }
}
