//! 401 and 403: was a credential sent, what is said about it, and what others with the same saw.

use super::Rule;
use super::fields::{documented, named, upstream};
use super::twin::misrouted;
use super::words::{asks_for_one, says_not_checked, says_other_service};
use crate::diagnose::cause::{Cause, Confidence, Fact};
use crate::diagnose::evidence::{Evidence, has, names_a_key};
use crate::diagnose::witness::{Witness, origin};
use crate::outcome::SentPart;

pub(super) const RULES: [Rule; 14] = [
    Rule {
        name: "key/upstream-disagrees",
        says: "the refusal quotes a 400 or 422 of a service behind: the two disagree about the request",
        find: upstream_disagrees,
    },
    Rule {
        name: "key/left-behind",
        says: "a redirect led to another origin, where no key goes along, and what answered there refuses",
        find: left_behind,
    },
    Rule {
        name: "key/not-checked",
        says: "the refusal says that the service which knows keys did not answer: nobody looked at the key",
        find: not_checked,
    },
    Rule {
        name: "key/other-service",
        says: "the key is registered for another service than the one that it is asked for: a body says so",
        find: other_service,
    },
    Rule {
        name: "key/none-sent",
        says: "no secret and no header that carries one was sent",
        find: none_sent,
    },
    Rule {
        name: "key/expired",
        says: "the token's own `exp` had passed when it was sent",
        find: expired,
    },
    Rule {
        name: "key/white-space",
        says: "the key begins or ends with white space, as one that was copied or read from a file",
        find: white_space,
    },
    Rule {
        name: "key/malformed",
        says: "the key is not as `matches` of its declaration says",
        find: malformed,
    },
    Rule {
        name: "key/other-place",
        says: "the key was sent in one place and the server names another, or took it there from another step",
        find: other_place,
    },
    Rule {
        name: "key/misrouted",
        says: "what answered asks for a key that was sent, and speaks as another host does: two hosts, one backend",
        find: misrouted,
    },
    Rule {
        name: "key/ended",
        says: "the same server took the same key before in this run, in the same place, and refuses it now",
        find: ended,
    },
    Rule {
        name: "key/not-seen",
        says: "a key was sent, and what answered says that there is none",
        find: not_seen,
    },
    Rule {
        name: "key/good-elsewhere",
        says: "another service accepts the same key in this run: the key is good, this server does not take it",
        find: good_elsewhere,
    },
    Rule {
        name: "key/refused",
        says: "a key was sent, and the server says that it does not accept it",
        find: refused,
    },
];

/// Whether the key was refused.
fn is_refusal(evidence: &Evidence<'_>) -> bool {
    matches!(evidence.status(), 401 | 403)
}

/// What the server says, and where the key was.
pub(super) fn words(evidence: &Evidence<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = evidence.said_fact().into_iter().collect();
    facts.extend(evidence.header_fact("WWW-Authenticate"));
    facts.extend(places(evidence));
    facts
}

/// Where each secret was sent.
fn places(evidence: &Evidence<'_>) -> Vec<Fact> {
    let sent = evidence.exchange.secrets_sent.iter();
    sent.map(|(name, place)| Fact::new(format!("`{name}` was sent in {place}"))).collect()
}

fn upstream_disagrees(evidence: &Evidence<'_>) -> Option<Cause> {
    if !matches!(evidence.status(), 401 | 403 | 500 | 502) {
        return None;
    }
    let behind = upstream(evidence.body.as_ref()?)?;
    // What stands deeper may be data like any other: its name has to say that it was answered.
    let is_named = behind.pointer.split('/').any(|part| {
        let part = part.to_ascii_lowercase();
        has(&part, &["upstream", "downstream", "auth", "response", "cause", "error", "detail"])
            || has(&part, &["backend", "depend", "service", "source", "inner", "body", "content"])
    });
    if !is_named && !is_refusal(evidence) {
        return None;
    }
    let sure = if is_named { Confidence::Certain } else { Confidence::Likely };
    let fields: Vec<Fact> = named(behind.body)
        .into_iter()
        .flat_map(|field| {
            let said = Fact::new(format!("it says of `{}`: {}", field.name, field.says));
            std::iter::once(said).chain(documented(evidence, &field))
        })
        .collect();
    let status = behind.status.map_or("an error".to_owned(), |status| status.to_string());
    Some(
        Cause::new(
            sure,
            "what answers here and the service behind it disagree: what it asks is not what that \
             service takes",
        )
        .about(evidence.origin())
        .fact(format!("the body carries {status} of a service behind, at `{}`", behind.pointer))
        .facts(fields)
        .facts(evidence.said_fact())
        .facts(accepted(evidence))
        .next(
            "compare what this server sends to the service behind it with that service's \
             contract: the field that is named is where they differ",
        )
        .owner("whoever runs what answers here, not whoever gave out the key"),
    )
}

/// The redirect took the key away: what answers was never shown it.
fn left_behind(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_refusal(evidence) || !evidence.sent_secret() || !evidence.was_led_away() {
        return None;
    }
    let asked = evidence.exchange.request.url.as_str();
    let own = origin(asked);
    let hop = evidence.exchange.hops.iter().find(|hop| origin(&hop.location) != own)?;
    let asks = evidence.said.as_deref().is_none_or(asks_for_one);
    let sure = if asks { Confidence::Certain } else { Confidence::Likely };
    let text = "a redirect led to another server, and the key did not go along";
    Some(
        Cause::new(sure, text)
            .about(evidence.origin())
            .fact(format!("{} {} answered {} to {}", hop.method, hop.url, hop.status, hop.location))
            .facts(evidence.said_fact())
            .facts(evidence.header_fact("WWW-Authenticate"))
            .facts(evidence.exchange.secrets_sent.iter().map(|(name, place)| {
                Fact::new(format!("`{name}` was sent in {place} to {own} alone"))
            }))
            .next("ask the server that the redirect leads to by its own URL, if the key is for it too")
            .owner("whoever writes the plan, or whoever set up the redirect"),
    )
}

fn not_checked(evidence: &Evidence<'_>) -> Option<Cause> {
    if !matches!(evidence.status(), 401 | 403 | 500..=504) {
        return None;
    }
    says_not_checked(&evidence.said_lower()).map(|sure| {
        Cause::new(
            sure,
            "nobody looked at the key: what answers could not ask the service that knows keys",
        )
        .about(evidence.origin())
        .facts(words(evidence))
        .facts(accepted(evidence))
        .next("see whether that service runs, and whether what answers here reaches it")
        .owner("whoever runs what answers here, not whoever gave out the key")
    })
}

/// A step whose request with the same secret was accepted.
fn accepted(evidence: &Evidence<'_>) -> Option<Fact> {
    let other = evidence.takers().next()?;
    Some(Fact::new(format!("the same key was accepted by {}", other.cited())))
}

fn other_service(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_refusal(evidence) || !evidence.sent_secret() {
        return None;
    }
    let text = "the key is good, and for another service than the one that it is asked for";
    let cause = |cause: Cause, said: &str| {
        let asked = asked_for(evidence, said);
        let is_for = registered_for(said).map(|name| format!(" (`{name}`)")).unwrap_or_default();
        let what = match asked.and_then(|part| part.given_by.as_deref()) {
            Some(variable) => {
                format!("set `{variable}` to the service that the key is for{is_for}")
            }
            None => format!("let the caller ask for the service that the key is for{is_for}"),
        };
        let owner = match asked {
            Some(SentPart { given_by: Some(variable), .. }) => format!(
                "whoever keeps `{variable}` of the environment; where it is right, whoever gave out \
                 a key of another service"
            ),
            Some(_) => "whoever writes the plan, which asks for this service".to_owned(),
            None => "whoever runs what asks about the key here: it names another service than the \
                     one that the key is for"
                .to_owned(),
        };
        cause.next(format!("{what}, or use a key of the one that is asked for")).owner(owner)
    };
    if let Some(said) = evidence.said.as_deref().filter(|said| says_other_service(said)) {
        let found = Cause::certain(text)
            .about(evidence.secret())
            .facts(words(evidence))
            .facts(quoted(evidence, said));
        return Some(cause(found, said));
    }
    let other = evidence
        .same_secret()
        .find(|other| other.reason.as_deref().is_some_and(says_other_service))?;
    let reason = other.reason.as_deref().unwrap_or_default();
    let found = Cause::likely(text)
        .about(evidence.secret())
        .facts(words(evidence))
        .fact(format!("{} says why: {reason}", other.cited()));
    Some(cause(found, reason))
}

/// The service that a server says a key is registered for: the first word that it quotes behind.
fn registered_for(said: &str) -> Option<&str> {
    let behind = said.split_once("registered for").map(|(_, behind)| behind)?;
    let quote = |c: char| matches!(c, '\'' | '"' | '`');
    let name = behind.split(quote).nth(1)?;
    (!name.is_empty() && name.len() < 64).then_some(name)
}

/// The part of the request that asked for a service which the key is not for.
fn asked_for<'a>(evidence: &Evidence<'a>, said: &str) -> Option<&'a SentPart> {
    let sent = super::fields::sent_body(evidence)?;
    let is_for = registered_for(said);
    evidence.exchange.sent_from.iter().find(|part| {
        let value = sent.pointer(&part.at).and_then(serde_json::Value::as_str);
        value.is_some_and(|value| is_quoted(said, value) && Some(value) != is_for)
    })
}

fn is_quoted(said: &str, value: &str) -> bool {
    !value.is_empty()
        && ["'", "\"", "`"].iter().any(|quote| said.contains(&format!("{quote}{value}{quote}")))
}

/// Parts of the request whose values the server's words quote, with the lines that gave them.
fn quoted(evidence: &Evidence<'_>, said: &str) -> Vec<Fact> {
    let Some(sent) = super::fields::sent_body(evidence) else { return Vec::new() };
    let of_part = |part: &SentPart| {
        let value = sent.pointer(&part.at)?.as_str()?;
        is_quoted(said, value).then(|| {
            let name = part.at.trim_start_matches('/');
            let given = part.given_by.as_ref().map(|by| format!(", given by `{by}`"));
            let text = format!("`{name}` of the body is `{value}`{}", given.unwrap_or_default());
            Fact::at(text, part.set_at.or(Some(part.place)))
        })
    };
    evidence.exchange.sent_from.iter().filter_map(of_part).collect()
}

/// Headers that carry a credential, whatever it is called in the plan.
const CARRIERS: [&str; 5] =
    ["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"];

fn none_sent(evidence: &Evidence<'_>) -> Option<Cause> {
    let carried = CARRIERS.iter().any(|name| evidence.sent_header(name).is_some());
    if evidence.status() != 401 || evidence.sent_secret() || carried {
        return None;
    }
    Some(
        Cause::likely("the request carried no credential")
            .about(evidence.origin())
            .facts(words(evidence))
            .fact("no declared secret was sent with this request")
            .next("add `auth:` to the step, or to `defaults`")
            .owner("whoever writes the plan"),
    )
}

fn expired(evidence: &Evidence<'_>) -> Option<Cause> {
    let shape = evidence.shapes().iter().find(|shape| shape.expired)?;
    let expires = shape.expires.as_deref().unwrap_or_default();
    let taken = evidence
        .same_secret()
        .find(|other| other.passed && other.status < 300 && other.sent(&shape.name));
    let sure = if taken.is_some() { Confidence::Likely } else { Confidence::Certain };
    is_refusal(evidence).then(|| {
        Cause::new(sure, format!("the token `{}` had ended before it was sent", shape.name))
            .about(shape.name.as_str())
            .fact(format!("its `exp` is {expires}"))
            .facts(words(evidence))
            .against(
                taken.map(|it| Fact::new(format!("the same token was taken by {}", it.cited()))),
            )
            .next("get a new token; in a plan, `auth: {oauth2: …}` asks for one when it is needed")
            .owner(format!("whoever keeps the secret `{}`", shape.name))
    })
}

fn white_space(evidence: &Evidence<'_>) -> Option<Cause> {
    let shape = evidence.shapes().iter().find(|shape| shape.edge_whitespace)?;
    is_refusal(evidence).then(|| {
        Cause::likely(format!("`{}` has white space at its edge", shape.name))
            .about(shape.name.as_str())
            .fact(format!(
                "its {} characters begin or end with a space or a line break",
                shape.length
            ))
            .facts(words(evidence))
            .next("take the line break out of where the key is kept")
            .owner("whoever keeps the secret")
    })
}

fn malformed(evidence: &Evidence<'_>) -> Option<Cause> {
    let shape = evidence.shapes().iter().find(|shape| shape.matches == Some(false))?;
    is_refusal(evidence).then(|| {
        Cause::likely(format!("`{}` does not look like such a key", shape.name))
            .about(shape.name.as_str())
            .fact(format!("`matches` does not hold of its {} characters", shape.length))
            .facts(words(evidence))
            .next("see where the key comes from: `planrun vars` says it")
            .owner("whoever keeps the secret")
    })
}

/// The same server took the same key from another place, or says that it wants it elsewhere.
fn other_place(evidence: &Evidence<'_>) -> Option<Cause> {
    let refused = is_refusal(evidence) || matches!(evidence.status(), 400 | 422);
    if !refused || !evidence.sent_secret() {
        return None;
    }
    let request = &evidence.exchange.request;
    let url = request.url.split(['?', '#']).next().unwrap_or_default();
    let asked = format!("{} {url}", request.method);
    let said = evidence.said.as_deref();
    let fields = evidence.body.as_ref().map(named).unwrap_or_default();
    let is_of_a_key = |text: &str| asks_for_one(text) || names_a_key(&text.to_lowercase());
    // What is invalid may be anything: the words or the field that is named have to speak of a key.
    if !is_refusal(evidence)
        && !said.is_some_and(is_of_a_key)
        && !fields.iter().any(|field| has(&field.name.to_lowercase(), &["key", "token", "auth"]))
    {
        return None;
    }
    let place = |witness: &Witness| {
        let secrets = &evidence.exchange.secrets_sent;
        let (name, place) = witness.secrets.iter().find(|(name, place)| {
            secrets.iter().any(|(own, _)| own == name)
                && !secrets.iter().any(|(own, at)| own == name && at == place)
        })?;
        Some((name.clone(), place.clone()))
    };
    let (other, (name, at)) = evidence
        .same_secret()
        .filter(|other| other.passed && other.status < 300 && other.asked == asked)
        .find_map(|other| Some((other, place(other)?)))?;
    Some(
        Cause::certain("the key is good, and this server looks for it in another place")
            .about(evidence.origin())
            .facts(words(evidence))
            .fact(format!("`{name}` in {at} was accepted by {}", other.cited()))
            .next(format!("send the key in {at}"))
            .owner("whoever writes the plan: the key goes to another place"),
    )
}

fn ended(evidence: &Evidence<'_>) -> Option<Cause> {
    let at = evidence.result.attempts.last()?.at;
    let origin = evidence.origin();
    let sent = &evidence.exchange.secrets_sent;
    let other = evidence.takers().filter(|other| {
        other.origin == origin
            && other.at < at
            && other.secrets.iter().any(|secret| sent.contains(secret))
    });
    let other = other.max_by_key(|other| other.at).filter(|_| evidence.status() == 401)?;
    Some(
        Cause::likely("the same server took the same key before, and refuses it now: it ended in between")
            .about(evidence.secret())
            .facts(words(evidence))
            .fact(format!("it was taken by {}", other.cited()))
            .next("see whether the key was withdrawn or replaced meanwhile, or several servers stand behind this host")
            .owner("whoever gave out the key"),
    )
}

fn good_elsewhere(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_refusal(evidence) {
        return None;
    }
    let other = evidence.takers().max_by_key(|other| other.says_valid)?;
    // Who takes this key may take any, unless it says that it is valid, or refused someone.
    let refuses = |it: &Witness| it.origin == other.origin && matches!(it.status, 401 | 403);
    let is_sure = other.says_valid || evidence.others.iter().any(|it| refuses(it));
    let sure = if is_sure { Confidence::Certain } else { Confidence::Likely };
    let mut cause = Cause::new(sure, "the key itself is good; what answers here does not take it")
        .about(evidence.origin())
        .facts(words(evidence))
        .fact(format!("the same key was accepted by {}", other.cited()));
    // What the validating service says to a key in this place tells whether it can have been asked so.
    let own_place = evidence.exchange.secrets_sent.first().map(|(_, place)| place.as_str());
    let probe = evidence.same_secret().find(|probe| {
        probe.asked == other.asked
            && matches!(probe.status, 400 | 401 | 422)
            && own_place.is_some_and(|own| probe.secrets.iter().all(|(_, place)| place == own))
    });
    if let Some(probe) = probe {
        let fields = probe.fields.join(", ");
        let place = own_place.unwrap_or_default();
        let named =
            if fields.is_empty() { String::new() } else { format!(": it wants `{fields}`") };
        cause = cause.fact(format!(
            "that service does not read a key in {place}{named} ({})",
            probe.cited()
        ));
        cause.text = format!(
            "{}: it asks about it in a way that the service which knows the key does not read",
            cause.text
        );
        cause.confidence = Confidence::Likely;
    }
    Some(
        cause
            .next(
                "compare how this server checks the key (which place, which fields, which \
                 service) with the request that was accepted",
            )
            .owner("whoever runs what answers here, not whoever gave out the key"),
    )
}

fn not_seen(evidence: &Evidence<'_>) -> Option<Cause> {
    let said = evidence.said.as_deref().unwrap_or_default();
    if !is_refusal(evidence) || !evidence.sent_secret() || !asks_for_one(said) {
        return None;
    }
    Some(
        Cause::likely(
            "a key was sent, and what answered did not see it: it is not the service that was \
             meant, or it looks elsewhere",
        )
        .about(evidence.origin())
        .facts(words(evidence))
        .facts(accepted(evidence))
        .facts(evidence.header_fact("Server"))
        .facts(evidence.host_variable())
        .next("check which service answers under this host and path, and whether something between takes the header away")
        .owner("whoever runs the routing of this host"),
    )
}

fn refused(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() != 401 || !evidence.sent_secret() {
        return None;
    }
    // Who says nothing of the key may mean anything.
    evidence.said.as_ref()?;
    let other =
        evidence.same_secret().find(|other| matches!(other.status, 401 | 403)).map(|other| {
            let text = other.reason.as_deref().unwrap_or("no reason");
            Fact::new(format!("{} refuses it too (step `{}`): {text}", other.asked, other.step))
        });
    let form =
        evidence.shapes().iter().find(|shape| shape.matches == Some(true)).map(|shape| {
            Fact::new(format!("`{}` has the form that `matches` asks for", shape.name))
        });
    let said = evidence.said_lower();
    let challenge = evidence.header("www-authenticate").unwrap_or_default().to_lowercase();
    let judged = [
        "invalid",
        "expired",
        "revoked",
        "unknown",
        "not known",
        "not valid",
        "wrong",
        "incorrect",
        "not accepted",
        "unrecognised",
        "unrecognized",
        "not recognised",
        "not recognized",
        "malformed",
        "disabled",
        "not found",
        "does not exist",
        "withdrawn",
        "bad ",
        "inactive",
    ];
    // A locked account, a clock that is wrong and a password are refused with a 401 too.
    let is_of_the_key = names_a_key(&said) && has(&said, &judged);
    let cause = if is_of_the_key || challenge.contains("invalid_token") {
        Cause::certain("the server refuses the key")
    } else {
        Cause::likely("the server refuses the key, or what it came with: it does not say which")
    };
    Some(
        cause
            .about(evidence.secret())
            .facts(words(evidence))
            .facts(other)
            .against(form)
            .next(
                "compare the key with what the server says: expired, revoked, for another service",
            )
            .owner("whoever gave out the key"),
    )
}
