//! Media types and ranges: `application/*`, `+json`, parameters left aside.

use super::operation::Media;

/// A media type without its parameters, in lower case: `application/json` of
/// `Application/JSON; charset=utf-8`.
#[must_use]
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether its content is JSON (RFC 6839 §3.1).
pub(super) fn is_json(media_type: &str) -> bool {
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
            Some(("*", "*")) => Some(2),
            Some((kind, "*")) if wanted.split('/').next() == Some(kind) => Some(1),
            _ => None,
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
