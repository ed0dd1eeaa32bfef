//! Media types and ranges: `application/*`, `+json`, parameters left aside.

use super::operation::Media;

/// A media type without its parameters, in lower case: `application/json` of
/// `Application/JSON; charset=utf-8`.
#[must_use]
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether its content is JSON (RFC 6839 §3.1).
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// The documented kind of content that a media type means: itself, else the narrowest range.
pub(super) fn find<'m>(content: &'m [Media], media_type: &str) -> Option<&'m Media> {
    let wanted = essence(media_type);
    let rank = |media: &&Media| {
        let range = essence(&media.range);
        match range.split_once('/') {
            _ if range == wanted => Some(0),
            Some(("*", "*")) => Some(3),
            Some((kind, "*")) if wanted.split('/').next() == Some(kind) => Some(2),
            // `application/*+json`
            Some((kind, ending)) => {
                let (of_kind, name) = wanted.split_once('/')?;
                let ending = ending.strip_prefix("*+")?;
                let (_, of_ending) = name.rsplit_once('+')?;
                (of_kind == kind && of_ending == ending).then_some(1)
            }
            None => None,
        }
    };
    content
        .iter()
        .filter_map(|media| Some((rank(&media)?, media)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, media)| media)
}

/// The kind of content that is JSON, or may be.
pub(super) fn json(content: &[Media]) -> Option<&Media> {
    let stated = content.iter().find(|media| is_json(&media.range));
    stated.or_else(|| content.iter().find(|m| matches!(m.range.as_str(), "*/*" | "application/*")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::document::Spot;

    #[test]
    fn the_narrowest_range_is_meant() {
        let content = ["*/*", "application/*", "application/*+json", "application/vnd.b+json"];
        let media =
            |range: &str| Media { range: range.to_owned(), schema: None, spot: Spot::new("") };
        let content = content.map(media);
        let found = |wanted: &str| find(&content, wanted).map(|media| media.range.clone());
        let table = [
            ("application/vnd.b+json", "application/vnd.b+json"),
            ("application/vnd.a+json; v=1", "application/*+json"),
            ("application/json", "application/*"),
            ("application/a+xml", "application/*"),
            ("text/a+json", "*/*"),
        ];
        for (wanted, range) in table {
            assert_eq!(found(wanted).as_deref(), Some(range), "{wanted}");
        }
        let only = [media("application/*+json")];
        assert!(find(&only, "application/vnd.a+json").is_some());
        for other in ["application/json", "application/vnd.a+xml", "text/a+json", "application/a"] {
            assert!(find(&only, other).is_none(), "{other}");
        }
    }
}
