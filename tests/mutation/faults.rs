//! The faults that are planted, each with what names it rightly: rules, and a piece of evidence that
//! one of them has to show. Both were written down from the fault alone.
//!
//! No rule stands where a client cannot know what is wrong: silence is the best answer there, and is
//! counted as silence all the same.

use std::time::Duration;

use planrun::demo::{self, Options};

use super::mutant::{Answer, Asked, Behind, Told};

/// What the run is given: the demo's own, until a fault changes it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registry_url: String,
    pub(crate) auth_url: String,
    pub(crate) service_id: String,
    pub(crate) api_key: String,
    pub(crate) expired_key: String,
    /// `defaults:` of the environment.
    pub(crate) defaults: &'static str,
}

type Plant = fn(Asked, &Behind) -> Told;

/// One fault.
pub(crate) struct Fault {
    /// What was done, and therefore what is true.
    pub(crate) planted: &'static str,
    /// Rules that name it rightly.
    pub(crate) named: &'static [&'static str],
    /// What may be said of the steps that fail in consequence.
    pub(crate) after: &'static [&'static str],
    /// What the causes of the first failing step must show.
    pub(crate) evidence: &'static str,
    /// How the demo itself is started.
    pub(crate) demo: fn() -> Options,
    /// What is done to the environment.
    pub(crate) world: fn(&mut World),
    /// What is done to what passes between planrun and the proxy of the demo.
    pub(crate) registry: Plant,
    /// The same before the auth service.
    pub(crate) auth: Plant,
}

fn fault(planted: &'static str, named: &'static [&'static str], evidence: &'static str) -> Fault {
    Fault {
        planted,
        named,
        after: &[],
        evidence,
        demo: Options::default,
        world: |_| {},
        registry: pass,
        auth: pass,
    }
}

impl Fault {
    fn demo(self, demo: fn() -> Options) -> Self {
        Self { demo, ..self }
    }

    fn after(self, after: &'static [&'static str]) -> Self {
        Self { after, ..self }
    }

    fn world(self, world: fn(&mut World)) -> Self {
        Self { world, ..self }
    }

    fn registry(self, registry: Plant) -> Self {
        Self { registry, ..self }
    }

    fn auth(self, auth: Plant) -> Self {
        Self { auth, ..self }
    }
}

fn pass(asked: Asked, behind: &Behind) -> Told {
    Told::Answer(behind.ask(&asked))
}

/// Spoils the answer to one request.
fn spoil(
    asked: &Asked,
    behind: &Behind,
    (method, path): (&str, &str),
    how: impl Fn(Answer) -> Answer,
) -> Told {
    let answer = behind.ask(asked);
    Told::Answer(if asked.is(method, path) { how(answer) } else { answer })
}

/// Answers one request in place of what stands behind.
fn instead(asked: &Asked, behind: &Behind, (method, path): (&str, &str), answer: Answer) -> Told {
    Told::Answer(if asked.is(method, path) { answer } else { behind.ask(asked) })
}

/// Spoils one request.
fn bend(
    asked: Asked,
    behind: &Behind,
    (method, path): (&str, &str),
    how: impl Fn(Asked) -> Asked,
) -> Told {
    let asked = if asked.is(method, path) { how(asked) } else { asked };
    Told::Answer(behind.ask(&asked))
}

fn dead_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

const SEARCH: (&str, &str) = ("GET", "/experiments/search");
const EXPERIMENT: (&str, &str) = ("POST", "/experiments/create");
const RUN: (&str, &str) = ("POST", "/runs/create");
const BATCH: (&str, &str) = ("POST", "/runs/log-batch");
const UPLOAD: (&str, &str) = ("PUT", "/MLmodel");
const LIST: (&str, &str) = ("GET", "/artifacts/list");
const MODEL: (&str, &str) = ("POST", "/registered-models/create");
const VERSION: (&str, &str) = ("GET", "/model-versions/get");
const ALIAS: (&str, &str) = ("GET", "/registered-models/alias");
const DELETE: (&str, &str) = ("DELETE", "/registered-models/delete");

const NGINX_404: &str = "<html><head><title>404 Not Found</title></head><body><center><h1>404 \
                         Not Found</h1></center><hr><center>nginx</center></body></html>";
const NGINX_502: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 \
                         Bad Gateway</h1></center><hr><center>nginx</center></body></html>";
const WAF: &str = "<html><head><title>Access denied</title></head><body>Your request was \
                   blocked.</body></html>";
const LOGIN: &str = "<!doctype html><title>Sign in to Example</title><form method=post><input \
                     name=user><input type=\"password\" name=pass></form>";

/// A little more than the plan's own budget of five seconds.
const OVER_BUDGET: Duration = Duration::from_millis(5200);

/// No fault: what a run without one says.
pub(crate) fn healthy() -> Fault {
    fault("nothing", &[], "")
}

pub(crate) fn all() -> Vec<Fault> {
    [environment(), sick(), refusals(), requests(), answers(), times()]
        .into_iter()
        .flatten()
        .collect()
}

/// What a person gets wrong in the environment.
fn environment() -> Vec<Fault> {
    vec![
        fault(
            "the registry's host does not exist",
            &["transport/unknown-host"],
            "env.registry_url",
        )
        .world(|world| world.registry_url = "http://registry.planrun-test.invalid".into()),
        fault(
            "nothing listens on the registry's port",
            &["transport/nothing-listens"],
            "env.registry_url",
        )
        .world(|world| world.registry_url = dead_port()),
        fault(
            "nothing listens on the auth service's port",
            &["transport/nothing-listens"],
            "env.auth_url",
        )
        .world(|world| world.auth_url = dead_port()),
        fault(
            "the base URL ends with the path that the steps begin with",
            &["path/doubled"],
            "env.registry_url",
        )
        .world(|world| world.registry_url += "/api/2.0"),
        fault(
            "the base URL has a path that the registry does not have",
            &["path/no-route", "path/base"],
            "env.registry_url",
        )
        .world(|world| world.registry_url += "/registry"),
        fault(
            "https was asked of a port that speaks plain HTTP",
            &["transport/certificate"],
            "HTTP",
        )
        .world(|world| world.registry_url = world.registry_url.replace("http:", "https:")),
        fault(
            "the port of the auth service belongs to an SSH server",
            &["transport/not-http"],
            "env.auth_url",
        )
        .auth(|_, _| Told::Raw("SSH-2.0-OpenSSH_9.6\r\n".into())),
        fault("the two hosts are swapped", &["path/no-route", "key/not-seen"], "env.auth_url")
            .world(|world| std::mem::swap(&mut world.registry_url, &mut world.auth_url)),
        fault("the key has expired", &["key/refused"], "Invalid or expired API key")
            .world(|world| world.api_key.clone_from(&world.expired_key)),
        fault("the key ends with a space", &["key/white-space"], "space")
            .world(|world| world.api_key.push(' ')),
        fault("the key was copied without its end", &["key/malformed"], "matches")
            .world(|world| world.api_key.truncate(14)),
        fault(
            "the key is for another service than the environment says",
            &["key/other-service"],
            "env.service_id",
        )
        .world(|world| world.service_id = "website".into()),
    ]
}

/// Sick in itself: what goes wrong between the services of the demo.
fn sick() -> Vec<Fault> {
    fn of(fault: demo::Fault) -> Options {
        Options { fault, ..Options::default() }
    }
    vec![
        fault(
            "the proxy asks the auth service in a way that it does not read",
            &["key/good-elsewhere"],
            "was accepted by POST",
        )
        .demo(|| of(demo::Fault::BrokenContract)),
        fault(
            "the same, and the proxy quotes the auth service's 422",
            &["key/upstream-disagrees"],
            "body.api_key",
        )
        .demo(|| of(demo::Fault::BrokenContractVerbose)),
        fault(
            "the proxy asks for a service that the key is not for",
            &["key/good-elsewhere", "key/other-service"],
            "was accepted by POST",
        )
        .demo(|| of(demo::Fault::WrongService)),
        fault(
            "the auth service's host leads to the registry's proxy",
            &["key/misrouted", "key/not-seen"],
            "API key required",
        )
        .demo(|| of(demo::Fault::Misrouted)),
        fault(
            "the auth service behind the proxy is down",
            &["key/not-checked"],
            "Authentication service unavailable",
        )
        .demo(|| Options { auth_url: Some(dead_port()), ..Options::default() }),
        fault(
            "the registry behind the proxy is down",
            &["gateway/nothing-behind"],
            "Failed to connect to MLflow server",
        )
        .demo(|| Options { registry_url: Some(dead_port()), ..Options::default() }),
    ]
}

/// A status of the 3xx, 4xx or 5xx that someone between, or the service, answers with.
#[expect(clippy::too_many_lines, reason = "a table")]
fn refusals() -> Vec<Fault> {
    vec![
        fault(
            "a gateway refuses every key of the registry, and says only `Unauthorized`",
            &["key/good-elsewhere"],
            "was accepted by POST",
        )
        .registry(|_, _| Told::Answer(Answer::json(401, r#"{"message":"Unauthorized"}"#))),
        fault("the key was withdrawn in the middle of the run", &["key/ended"], "runs/create")
            .registry(|asked, behind| {
                let told = r#"{"detail":"Invalid or expired API key"}"#;
                let refused = Answer::json(401, told).with("www-authenticate", "Bearer");
                instead(&asked, behind, BATCH, refused)
            }),
        fault(
            "the proxy's calls of the auth service are too many",
            &["rate/limited"],
            "Rate limit exceeded",
        )
        .registry(|_, _| Told::Answer(Answer::json(401, r#"{"detail":"Rate limit exceeded"}"#))),
        fault("the key lacks a scope", &["permission/scope"], "insufficient_scope").registry(
            |asked, behind| {
                let challenge = r#"Bearer error="insufficient_scope", scope="model:admin""#;
                let refused = Answer::json(403, r#"{"detail":"Forbidden"}"#)
                    .with("www-authenticate", challenge);
                instead(&asked, behind, MODEL, refused)
            },
        ),
        fault(
            "the experiment belongs to someone else",
            &["permission/not-allowed"],
            "is not the owner",
        )
        .registry(|asked, behind| {
            let told = r#"{"error_code":"FORBIDDEN","message":"user-4711 is not the owner of it"}"#;
            instead(&asked, behind, RUN, Answer::json(403, told))
        }),
        fault("a firewall blocks the upload", &["permission/firewall"], "cf-ray").registry(
            |asked, behind| {
                let page = Answer::html(403, WAF).with("server", "cloudflare");
                instead(&asked, behind, UPLOAD, page.with("cf-ray", "8a1b2c3d4e5f-FRA"))
            },
        ),
        fault(
            "the proxy refuses the name of its host",
            &["permission/host-header"],
            "env.registry_url",
        )
        .registry(|_, _| Told::Answer(Answer::of(400, "text/plain", "Invalid Host header"))),
        fault(
            "a web server answers instead of the registry: 404, a page",
            &["path/no-route"],
            "env.registry_url",
        )
        .registry(|_, _| Told::Answer(Answer::html(404, NGINX_404).with("server", "nginx/1.24.0"))),
        fault("uploads are switched off: 405", &["path/method"], "GET, HEAD").registry(
            |asked, behind| {
                let told = r#"{"detail":"Method Not Allowed"}"#;
                instead(&asked, behind, UPLOAD, Answer::json(405, told).with("allow", "GET, HEAD"))
            },
        ),
        fault(
            "a gateway sends the create request twice, and gives the second answer",
            &["conflict/delivered-twice"],
            "already exists",
        )
        .registry(|asked, behind| {
            if asked.is(EXPERIMENT.0, EXPERIMENT.1) {
                behind.ask(&asked);
            }
            pass(asked, behind)
        }),
        fault("a gateway takes no upload of that size: 413", &["size/too-large"], "nginx")
            .registry(|asked, behind| {
                let page = "<html><head><title>413 Request Entity Too Large</title></head></html>";
                let page = Answer::html(413, page).with("server", "nginx/1.24.0");
                instead(&asked, behind, UPLOAD, page)
            }),
        fault("the service takes no JSON: 415", &["fields/media-type"], "application/json")
            .registry(|asked, behind| {
                let told = r#"{"detail":"Unsupported media type"}"#;
                instead(&asked, behind, RUN, Answer::json(415, told))
            }),
        fault("the service wants a field more: 422", &["fields/named"], "body.owner").registry(
            |asked, behind| {
                let told = r#"{"detail":[{"loc":["body","owner"],"msg":"Field required"}]}"#;
                instead(&asked, behind, RUN, Answer::json(422, told))
            },
        ),
        fault("too many requests: 429", &["rate/limited"], "Retry-After").registry(
            |asked, behind| {
                let told = r#"{"detail":"slow down"}"#;
                instead(&asked, behind, BATCH, Answer::json(429, told).with("retry-after", "30"))
            },
        ),
        fault(
            "the service breaks on one request: 500, JSON",
            &["service/failed"],
            "INTERNAL_ERROR",
        )
        .registry(|asked, behind| {
            let told = r#"{"error_code":"INTERNAL_ERROR","message":"INTERNAL_ERROR: null"}"#;
            instead(&asked, behind, RUN, Answer::json(500, told))
        }),
        fault(
            "the service breaks on one request: 500, no body",
            &["service/failed"],
            "experiments/create",
        )
        .registry(|asked, behind| instead(&asked, behind, RUN, Answer::json(500, ""))),
        fault(
            "a gateway finds nothing behind it: 502, a page",
            &["gateway/nothing-behind", "page/gateway"],
            "502 Bad Gateway",
        )
        .registry(|asked, behind| {
            instead(&asked, behind, RUN, Answer::html(502, NGINX_502).with("server", "nginx"))
        }),
        fault("maintenance: 503 with Retry-After", &["gateway/nothing-behind"], "Retry-After")
            .registry(|_, _| {
                let told = r#"{"message":"down for maintenance"}"#;
                Told::Answer(Answer::json(503, told).with("retry-after", "600"))
            }),
        fault("a gateway gives up after a second: 504", &["gateway/timeout"], "504 came after")
            .registry(|asked, behind| {
                if asked.is(RUN.0, RUN.1) {
                    let told = r#"{"message":"upstream request timeout"}"#;
                    return Told::Late(Duration::from_secs(1), Answer::json(504, told));
                }
                pass(asked, behind)
            }),
        fault(
            "a login page stands before the registry: 200, a page",
            &["page/login"],
            "Sign in to Example",
        )
        .registry(|_, _| Told::Answer(Answer::html(200, LOGIN))),
        fault(
            "a login page stands before the registry: 302",
            &["page/login", "path/redirected"],
            "/login",
        )
        .registry(|_, _| Told::Answer(Answer::html(302, "").with("location", "/login?next=%2F"))),
        fault(
            "a redirect to the path with a slash turns a POST into a GET",
            &["path/redirect-changed-method"],
            "experiments/create/",
        )
        .world(|world| world.defaults = "{follow_redirects: true}")
        .registry(|asked, behind| {
            if asked.is(EXPERIMENT.0, EXPERIMENT.1) {
                let to = format!("{}/", asked.target);
                return Told::Answer(Answer::html(301, "").with("location", &to));
            }
            pass(asked, behind)
        }),
    ]
}

/// What is lost or changed on the way in.
fn requests() -> Vec<Fault> {
    vec![
        fault(
            "a gateway takes the Authorization header away",
            &["key/not-seen"],
            "API key required",
        )
        .registry(|asked, behind| pass(asked.without("authorization"), behind)),
        fault("a gateway drops the body of a DELETE", &["fields/lost"], "name")
            .registry(|asked, behind| bend(asked, behind, DELETE, |asked| asked.body(""))),
        fault("a gateway drops the body of a POST", &["fields/lost"], "experiment_id")
            .registry(|asked, behind| bend(asked, behind, RUN, |asked| asked.body(""))),
        fault("a gateway drops the query", &["fields/lost"], "run_id").registry(|asked, behind| {
            bend(asked, behind, LIST, |asked| {
                let target = asked.target.split('?').next().unwrap_or_default().to_owned();
                Asked { target, ..asked }
            })
        }),
        fault("a gateway drops the Content-Type", &["fields/lost", "fields/media-type"], "json")
            .registry(|asked, behind| {
                bend(asked, behind, EXPERIMENT, |asked| asked.without("content-type"))
            }),
        fault(
            "the run is gone before its metrics are logged",
            &["path/no-such-thing"],
            "not found",
        )
        .registry(|asked, behind| {
            bend(asked, behind, BATCH, |asked| {
                let text = String::from_utf8_lossy(&asked.body).into_owned();
                let at = text.find("run_id\":\"").map_or(0, |at| at + 9);
                let id = text.get(at..at + 32).unwrap_or_default().to_owned();
                asked.swap(&id, &"0".repeat(32))
            })
        }),
        fault(
            "two routes are swapped: models answer for experiments",
            &["answer/missing"],
            "experiments",
        )
        .registry(|asked, behind| {
            bend(asked, behind, SEARCH, |asked| {
                let target = asked.target.replace("experiments", "registered-models");
                Asked { target, ..asked }
            })
        }),
        fault("the upload is answered and thrown away", &[], "")
            .registry(|asked, behind| instead(&asked, behind, UPLOAD, Answer::json(200, ""))),
    ]
}

/// A good status with a body that is not as it was.
fn answers() -> Vec<Fault> {
    vec![
        fault("a field is gone", &["answer/missing"], "experiment_id").registry(|asked, behind| {
            spoil(&asked, behind, EXPERIMENT, |answer| answer.body("{}"))
        }),
        fault("a field of many is gone", &["answer/missing"], "lifecycle_stage").registry(
            |asked, behind| {
                spoil(&asked, behind, RUN, |answer| answer.swap("\"status\"", "\"phase\""))
            },
        ),
        fault("a field is called otherwise", &["answer/renamed"], "experimentId").registry(
            |asked, behind| {
                spoil(&asked, behind, EXPERIMENT, |answer| {
                    answer.swap("experiment_id", "experimentId")
                })
            },
        ),
        fault("the answer stands in an envelope", &["answer/moved"], "data.registered_model")
            .registry(|asked, behind| {
                spoil(&asked, behind, MODEL, |answer| {
                    let wrapped = format!(r#"{{"status":"ok","data":{}}}"#, answer.text());
                    answer.body(&wrapped)
                })
            }),
        fault("a number stands where a text was", &["answer/other-type"], "number")
            .after(&["fields/quoted"])
            .registry(|asked, behind| {
                spoil(&asked, behind, EXPERIMENT, |answer| {
                    let text = answer.text();
                    let bare: String = text.split('"').filter(|part| !part.is_empty()).collect();
                    let id: String = bare.chars().filter(char::is_ascii_digit).collect();
                    answer.body(&format!(r#"{{"experiment_id":{id}}}"#))
                })
            }),
        fault("a value is another one", &[], "").registry(|asked, behind| {
            spoil(&asked, behind, RUN, |answer| answer.swap("RUNNING", "SCHEDULED"))
        }),
        fault("a good status is another one: 202, nothing done yet", &[], "")
            .registry(|asked, behind| instead(&asked, behind, UPLOAD, Answer::json(202, ""))),
        fault("an answer of another user comes out of a cache", &[], "").registry(
            |asked, behind| {
                spoil(&asked, behind, ALIAS, |answer| {
                    answer.swap("\"version\"", "\"version\":\"7\",\"old\"").with("age", "86400")
                })
            },
        ),
        fault("the body is empty", &["answer/empty"], "")
            .registry(|asked, behind| spoil(&asked, behind, EXPERIMENT, |answer| answer.body(""))),
        fault("the JSON ends in the middle", &["answer/cut-off"], "").registry(|asked, behind| {
            spoil(&asked, behind, RUN, |answer| {
                let text = answer.text();
                answer.body(text.get(..text.len() / 2).unwrap_or_default())
            })
        }),
        fault("an error is answered with 200", &["answer/error-inside"], "out of memory").registry(
            |asked, behind| {
                let told = r#"{"error":{"code":"E17","message":"out of memory"}}"#;
                instead(&asked, behind, MODEL, Answer::json(200, told))
            },
        ),
        fault("the JSON is said to be HTML", &["answer/media-type"], "text/html").registry(
            |asked, behind| {
                spoil(&asked, behind, EXPERIMENT, |answer| answer.with("content-type", "text/html"))
            },
        ),
        fault("the body is said to be gzip and is not", &["transport/encoding"], "gzip").registry(
            |asked, behind| {
                spoil(&asked, behind, EXPERIMENT, |answer| answer.with("content-encoding", "gzip"))
            },
        ),
        fault("the connection ends in the middle of a body", &["transport/cut-off"], "").registry(
            |asked, behind| {
                if asked.is(RUN.0, RUN.1) {
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                    return Told::Raw(format!("{head}Content-Length: 1000\r\n\r\n{{\"run\":"));
                }
                pass(asked, behind)
            },
        ),
        fault("the framing is broken", &["transport/framing"], "").registry(|asked, behind| {
            if asked.is(RUN.0, RUN.1) {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                return Told::Raw(format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{{}}"));
            }
            pass(asked, behind)
        }),
        fault(
            "the service dies on one request: the connection is closed",
            &["transport/closed"],
            "experiments/create",
        )
        .registry(
            |asked, behind| {
                if asked.is(RUN.0, RUN.1) { Told::Close } else { pass(asked, behind) }
            },
        ),
    ]
}

/// What is too late, or never comes.
fn times() -> Vec<Fault> {
    vec![
        fault("the service thinks too long for the budget", &["time/phase"], "wait").registry(
            |asked, behind| {
                let answer = behind.ask(&asked);
                let is_run = asked.is(RUN.0, RUN.1);
                if is_run { Told::Late(OVER_BUDGET, answer) } else { Told::Answer(answer) }
            },
        ),
        fault("the body trickles in, too slow for the budget", &["time/phase"], "receive")
            .registry(|asked, behind| {
                let answer = behind.ask(&asked);
                let is_run = asked.is(RUN.0, RUN.1);
                if is_run { Told::Slow(OVER_BUDGET, answer) } else { Told::Answer(answer) }
            }),
        fault("the service never answers one request", &["transport/slow"], "wait")
            .world(|world| world.defaults = "{timeout: 2s}")
            .registry(
                |asked, behind| {
                    if asked.is(RUN.0, RUN.1) { Told::Hang } else { pass(asked, behind) }
                },
            ),
        fault("the version stays pending for ever", &["state/unchanged"], "PENDING_REGISTRATION")
            .registry(|asked, behind| {
                spoil(&asked, behind, VERSION, |answer| {
                    answer.swap("READY", "PENDING_REGISTRATION")
                })
            }),
        fault("the registration of the version fails", &["state/gave-up"], "FAILED_REGISTRATION")
            .registry(|asked, behind| {
                spoil(&asked, behind, VERSION, |answer| {
                    answer.swap("READY", "FAILED_REGISTRATION").swap("PENDING", "FAILED")
                })
            }),
    ]
}
