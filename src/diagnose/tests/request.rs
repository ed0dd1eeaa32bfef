//! Rules about what was sent.

use super::scene::*;
use super::*;

pub(super) fn rows() -> Vec<Row> {
    let named = json!({"detail": [{"loc": ["body", "name"], "msg": "too short"}]});
    let missing = |name: &str| says(400, &format!("Missing value for required parameter '{name}'"));
    vec![
        (
            "conflict/made-in-this-run",
            "409, and a POST to the same path passed before",
            "409, and another path was asked before",
            says(409, "apple already exists").seen(Witness {
                asked: "POST http://api.test/v1/items".into(),
                secrets: Vec::new(),
                ..same_host()
            }),
            says(409, "it already exists").seen(same_host()),
        ),
        (
            "conflict/left-by-another-run",
            "409, and the words quote what was sent",
            "409, and they quote nothing",
            says(409, "apple already exists"),
            says(409, "it already exists"),
        ),
        ("size/too-large", "413", "400", answered(413, &json!({})), answered(400, &json!({}))),
        (
            "fields/named",
            "422 with `detail[].loc`",
            "422 with a text",
            answered(422, &named),
            answered(422, &json!({"detail": "no"})),
        ),
        (
            "fields/quoted",
            "400, the words quote `limit`, which was sent",
            "400, they quote `colour`, which was not",
            says(400, "Invalid value for 'limit'"),
            says(400, "Invalid value for 'colour'"),
        ),
        (
            "fields/lost",
            "400, `Missing value for required parameter 'name'`, and `name` was sent",
            "the same of `colour`, which was not sent",
            missing("name"),
            missing("colour"),
        ),
        ("fields/media-type", "415", "400, `bad`", answered(415, &json!({})), says(400, "bad")),
    ]
}
