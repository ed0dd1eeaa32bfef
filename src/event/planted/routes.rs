//! The secret in every text of a comparison of routes.

use std::time::Duration;

use serde_json::Value;

use super::{SECRET, place, s, value};
use crate::outcome::{RouteDifference, RouteTaken, RoutesCompared};

pub(super) fn compared() -> RoutesCompared {
    RoutesCompared {
        first: route(),
        other: route(),
        differences: ["$.", "headers.", "expect $.", "body"]
            .map(|what| RouteDifference {
                what: if what == "body" { what.to_owned() } else { format!("{what}{SECRET}") },
                places: 1,
                first: Some(value()),
                other: Some(Value::from(s())),
            })
            .to_vec(),
        more: 0,
        noise: 0,
        ignored: 0,
        asked_again: false,
    }
}

fn route() -> RouteTaken {
    let time = Some(Duration::from_nanos(8));
    RouteTaken {
        name: s(),
        place: place(),
        origin: format!("http://{SECRET}.test"),
        holds: true,
        time,
    }
}
