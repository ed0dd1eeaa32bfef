//! Rules about the path and the method.

use super::scene::*;
use super::*;

pub(super) fn rows() -> Vec<Row> {
    vec![
        (
            "path/redirect-changed-method",
            "404 after a 301 of a POST",
            "404 after a 308 of a POST",
            answered(404, &json!({})).led(301, "https://api.test/v1/items"),
            answered(404, &json!({})).led(308, "https://api.test/v1/items"),
        ),
        (
            "path/method",
            "405 with Allow",
            "405 without it",
            answered(405, &json!({})).header("allow", "GET"),
            answered(405, &json!({})),
        ),
        (
            "path/doubled",
            "404, `/api/v1` stands twice",
            "404, only `/v1` comes again, elsewhere",
            answered(404, &json!({})).url("http://api.test/api/v1/api/v1/items"),
            answered(404, &json!({})).url("http://api.test/api/v1/items/v1"),
        ),
        (
            "path/misspelt",
            "404 of `/thigns`, where `/things` was answered",
            "404 of `/apples`, where `/things` was answered",
            answered(404, &json!({})).url("http://api.test/v1/thigns").seen(same_host()),
            answered(404, &json!({})).url("http://api.test/v1/apples").seen(same_host()),
        ),
        (
            "path/no-such-thing",
            "404, ``there is no item `apple` ``",
            "404, `Not Found`",
            says(404, "there is no item `apple`"),
            says(404, "Not Found"),
        ),
        (
            "path/no-route",
            "404, a page",
            "404, JSON",
            page(404, "<h1>Not Found</h1>"),
            answered(404, &json!({})),
        ),
        (
            "path/redirected",
            "302 with a Location",
            "302 without one",
            answered(302, &json!({})).header("location", "/login"),
            answered(302, &json!({})),
        ),
        (
            "path/base",
            "404, a page, below `/v1` of the variable",
            "the same, and another request below `/v1` was answered",
            page(404, "<h1>Not Found</h1>").url("http://api.test/v1/items").based(),
            page(404, "<h1>Not Found</h1>")
                .url("http://api.test/v1/items")
                .based()
                .seen(Witness { asked: "GET http://api.test/v1/things".into(), ..same_host() }),
        ),
        (
            "path/undocumented",
            "404, and the document of the contract has a path that is nearest",
            "404, and the document has none that is near",
            page(404, "").unknown_to_the_document(Some("POST /v2/items")),
            page(404, "").unknown_to_the_document(None),
        ),
    ]
}
