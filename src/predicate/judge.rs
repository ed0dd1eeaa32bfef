//! Judging: whether each operator holds of what was found, and where and why it does not.

mod look;

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use self::look::{
    Blame, List, Look, Ruling, actual, fails, fails_with, in_hits, in_list, length, plain, pointer,
    same, status, whole,
};
use super::Judgement;
use super::compare::{Extent, brief, difference, items, kinds, near, unmatched};
use super::operator::{Check, Op, Operator, Test};
use super::schema::CAP;
use crate::json;
use crate::json::in_words;
use crate::outcome::{Actual, Expected};
use crate::query::{Found, time, unreadable};
use crate::units::hex;

/// Where the last word of a body begins that holds its last `count` bytes: a longer end would be shown
/// by its beginning, and a shorter one might be half of a secret.
fn tail(bytes: &[u8], count: usize) -> usize {
    let from = bytes.len().saturating_sub(count);
    let farthest = bytes.len().saturating_sub(SHOWN.max(count));
    let before = bytes.get(farthest..from).unwrap_or_default();
    let ends_word =
        |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || *byte == b'"';
    before.iter().rposition(ends_word).map_or(farthest, |at| farthest + at + 1)
}

/// So many bytes of a body are shown in hex where an operator decides by fewer. Far more than a secret
/// has: half of one would not be known as one any more.
const SHOWN: usize = 4096;

/// Whether an operator whose operand is known holds of a value.
pub(super) fn holds_of(op: &Op, value: &Value) -> bool {
    matches!(op.look(Look::Value(value, None)), Ruling::Holds)
}

impl Test {
    /// Judges every operator on what was found.
    #[must_use]
    pub fn judge(&self, found: &Found<'_>) -> Vec<Judgement> {
        self.ops.iter().map(|op| op.judgement(op.rule(found))).collect()
    }

    /// All operators on one value: what cannot be judged outweighs what does not hold.
    fn rule(&self, look: Look<'_>) -> Ruling {
        let mut failed = Ruling::Holds;
        for op in &self.ops {
            match op.look(look) {
                Ruling::Holds => {}
                Ruling::Fails(mut blame) => {
                    if let Ruling::Holds = failed {
                        if blame.note.is_none() && self.ops.len() > 1 {
                            blame.note = Some(format!("`{}` does not hold", op.operator.as_str()));
                        }
                        failed = Ruling::Fails(blame);
                    }
                }
                cannot @ Ruling::Cannot(_) => return cannot,
            }
        }
        failed
    }
}

impl Op {
    fn judgement(&self, ruling: Ruling) -> Judgement {
        let expected =
            Expected { operator: self.operator.as_str().to_owned(), operand: self.operand.clone() };
        match ruling {
            Ruling::Holds => Judgement {
                passed: true,
                expected,
                actual: None,
                pointer: None,
                note: None,
                violations: Vec::new(),
            },
            Ruling::Fails(blame) | Ruling::Cannot(blame) => Judgement {
                passed: false,
                expected,
                actual: Some(blame.actual),
                pointer: blame.pointer,
                note: blame.note,
                violations: blame.violations,
            },
        }
    }

    fn rule(&self, found: &Found<'_>) -> Ruling {
        let stuck = |actual: Actual| Ruling::Cannot(Blame::of(actual));
        match found {
            Found::One { value, pointer } => self.look(Look::Value(value, pointer.as_deref())),
            Found::Text(text) => self.look(Look::Text(text)),
            Found::Bytes(bytes) => self.look(Look::Text(&self.digits(bytes))),
            Found::Many(hits) => self.look(Look::Many(hits)),
            Found::Nothing(gap) => self.look(Look::Missing(gap)),
            Found::NotJson(what) => stuck(Actual::NotJson(what.to_string())),
            Found::Unreadable { value, why } => stuck(unreadable(value.clone(), why.clone())),
        }
    }

    /// The hex digits that this operator looks at: a large body is not written out to compare its
    /// first bytes.
    fn digits(&self, bytes: &[u8]) -> String {
        let wanted = self.operand.as_str().map_or(0, str::len);
        let count = wanted.div_ceil(2).min(bytes.len());
        match self.operator {
            Operator::StartsWith => hex(bytes.get(..count.max(SHOWN)).unwrap_or(bytes)),
            Operator::EndsWith => hex(bytes.get(tail(bytes, count.max(16))..).unwrap_or(bytes)),
            Operator::Equals | Operator::NotEquals
                if wanted != bytes.len() * 2 && bytes.len() > SHOWN =>
            {
                // The lengths differ, so that the head decides as well as the whole.
                format!("{}…", hex(bytes.get(..SHOWN).unwrap_or(bytes)))
            }
            _ => hex(bytes),
        }
    }

    fn look(&self, look: Look<'_>) -> Ruling {
        match self.operator {
            Operator::Present => self.presence(look, true),
            Operator::Absent => self.presence(look, false),
            Operator::Not => match &self.check {
                Check::Test(test) => match test.rule(look) {
                    Ruling::Holds => fails(look),
                    Ruling::Fails(_) => Ruling::Holds,
                    cannot @ Ruling::Cannot(_) => cannot,
                },
                _ => self.unprepared(look),
            },
            Operator::AllOf => self.all_of(look),
            Operator::AnyOf => self.any_of(look),
            _ => match look {
                Look::Missing(gap) => Ruling::Cannot(Blame {
                    pointer: gap.reached.starts_with('$').then(|| gap.pointer.clone()),
                    ..Blame::of(gap.clone().into())
                }),
                Look::Value(..) | Look::Text(_) | Look::Many(_) => self.there(look),
            },
        }
    }

    /// Operators that need the thing to be there.
    fn there(&self, look: Look<'_>) -> Ruling {
        match self.operator {
            Operator::Equals => self.equals(look),
            Operator::NotEquals => match self.equals(look) {
                Ruling::Holds => fails(look),
                Ruling::Fails(_) | Ruling::Cannot(_) => Ruling::Holds,
            },
            Operator::In => self.is_in(look),
            Operator::NotIn => match self.is_in(look) {
                Ruling::Holds => fails(look),
                Ruling::Fails(_) | Ruling::Cannot(_) => Ruling::Holds,
            },
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte | Operator::CloseTo => {
                self.number(look)
            }
            Operator::Contains => self.contains(look),
            Operator::NotContains => match self.contains(look) {
                Ruling::Holds => fails(look),
                Ruling::Fails(_) => Ruling::Holds,
                cannot @ Ruling::Cannot(_) => cannot,
            },
            Operator::StartsWith
            | Operator::EndsWith
            | Operator::Matches
            | Operator::Format
            | Operator::Before
            | Operator::After => self.text(look),
            Operator::Length => self.length(look),
            Operator::Empty => self.empty(look),
            Operator::Type => self.kind(look),
            Operator::Partial => self.partial(look),
            Operator::Unordered => self.unordered(look),
            Operator::Each => self.each(look),
            Operator::Some => self.some(look),
            Operator::None => self.none(look),
            Operator::Schema => self.schema(look),
            Operator::Present
            | Operator::Absent
            | Operator::Not
            | Operator::AllOf
            | Operator::AnyOf => self.unprepared(look),
        }
    }

    fn presence(&self, look: Look<'_>, wanted: bool) -> Ruling {
        let flag = matches!(self.check, Check::Flag(true));
        let is_there = !matches!(look, Look::Missing(_));
        if (is_there == wanted) == flag { Ruling::Holds } else { fails(look) }
    }

    fn all_of(&self, look: Look<'_>) -> Ruling {
        let Check::Tests(tests) = &self.check else { return self.unprepared(look) };
        let mut failed = Ruling::Holds;
        for (index, test) in tests.iter().enumerate() {
            match test.rule(look) {
                Ruling::Holds => {}
                Ruling::Fails(mut blame) => {
                    if let Ruling::Holds = failed {
                        blame.note.get_or_insert_with(|| {
                            format!("number {} of {} does not hold", index + 1, tests.len())
                        });
                        failed = Ruling::Fails(blame);
                    }
                }
                cannot @ Ruling::Cannot(_) => return cannot,
            }
        }
        failed
    }

    fn any_of(&self, look: Look<'_>) -> Ruling {
        let Check::Tests(tests) = &self.check else { return self.unprepared(look) };
        let mut cannot = None;
        for test in tests {
            match test.rule(look) {
                Ruling::Holds => return Ruling::Holds,
                Ruling::Fails(_) => {}
                Ruling::Cannot(blame) => cannot = cannot.or(Some(blame)),
            }
        }
        match cannot {
            Some(blame) => Ruling::Cannot(blame),
            None => fails_with(look, format!("none of the {} holds", tests.len())),
        }
    }

    fn equals(&self, look: Look<'_>) -> Ruling {
        if let Check::Statuses(patterns) = &self.check {
            return match status(look) {
                Some(status) if patterns.iter().any(|pattern| pattern.fits(status)) => {
                    Ruling::Holds
                }
                _ => fails(look),
            };
        }
        if same(&self.operand, look) { Ruling::Holds } else { self.differs(look, Extent::Exact) }
    }

    /// Blames the first difference of two structures, else the value with its type.
    fn differs(&self, look: Look<'_>, extent: Extent) -> Ruling {
        let expected = &self.operand;
        let value = match look {
            Look::Value(value, _) => Cow::Borrowed(value),
            Look::Text(text) => Cow::Owned(Value::String(text.to_owned())),
            Look::Many(hits) => Cow::Owned(hits.iter().map(|hit| hit.value.clone()).collect()),
            Look::Missing(_) => return fails(look),
        };
        let Some(found) = difference(expected, &value, extent) else { return Ruling::Holds };
        let inside = !found.pointer.is_empty();
        let pointer = match look {
            Look::Value(_, base) => base.map(|base| format!("{base}{}", found.pointer)),
            Look::Many(hits) => in_hits(hits, &found.pointer),
            Look::Text(_) | Look::Missing(_) => None,
        };
        let place = if inside { format!("at `{}`", found.pointer) } else { String::new() };
        let note = match (found.why, inside) {
            (Some(why), true) => Some(format!("{place}: {why}")),
            (Some(why), false) => Some(why),
            (None, true) => Some(format!("the first difference is {place}")),
            (None, false) => None,
        };
        // The whole value is shown, since the expected one is whole too.
        Ruling::Fails(Blame { pointer, note, ..Blame::of(actual(look)) })
    }

    fn is_in(&self, look: Look<'_>) -> Ruling {
        if let Check::Statuses(_) = &self.check {
            return self.equals(look);
        }
        let list = self.operand.as_array().map(Vec::as_slice).unwrap_or_default();
        if list.iter().any(|item| same(item, look)) {
            return Ruling::Holds;
        }
        // A list of numbers that holds the same digits as the text deserves a word.
        let value = whole(look);
        let twin = list.iter().find(|item| {
            in_words(item) != in_words(&value)
                && plain(item).is_some()
                && plain(item) == plain(&value)
        });
        match twin.and_then(|item| kinds(item, &value)) {
            Some(note) => fails_with(look, note),
            None => fails(look),
        }
    }

    fn number(&self, look: Look<'_>) -> Ruling {
        let number: &Number = match look {
            Look::Value(Value::Number(number), _) => number,
            Look::Value(..) | Look::Text(_) | Look::Many(_) | Look::Missing(_) => {
                return self.cannot(look, "compares numbers");
            }
        };
        let holds = match (&self.check, self.operator) {
            (Check::Near { value, within }, _) => near(number, value, within),
            (Check::Number(limit), operator) => {
                let order = json::compare(number, limit);
                match operator {
                    Operator::Gt => order == Ordering::Greater,
                    Operator::Gte => order != Ordering::Less,
                    Operator::Lt => order == Ordering::Less,
                    _ => order != Ordering::Greater,
                }
            }
            _ => return self.unprepared(look),
        };
        if holds { Ruling::Holds } else { fails(look) }
    }

    fn contains(&self, look: Look<'_>) -> Ruling {
        let wanted = &self.operand;
        let found = match (look, wanted) {
            (Look::Text(text), Value::String(part)) => text.contains(part.as_str()),
            (Look::Value(Value::String(text), _), Value::String(part)) => {
                text.contains(part.as_str())
            }
            (Look::Value(Value::Array(items), _), _) => {
                items.iter().any(|item| json::equal(item, wanted))
            }
            (Look::Many(hits), _) => hits.iter().any(|hit| json::equal(hit.value, wanted)),
            (Look::Value(Value::String(_), _) | Look::Text(_), _) => {
                return self.cannot(look, &format!("of {} looks in a list", in_words(wanted)));
            }
            _ => return self.cannot(look, "looks in a text or a list"),
        };
        if found { Ruling::Holds } else { fails(look) }
    }

    fn text(&self, look: Look<'_>) -> Ruling {
        let text = match look {
            Look::Text(text) => text,
            Look::Value(Value::String(text), _) => text,
            Look::Value(..) | Look::Many(_) | Look::Missing(_) => {
                return self.cannot(look, "judges texts");
            }
        };
        let operand = self.operand.as_str().unwrap_or_default();
        let holds = match (&self.check, self.operator) {
            (Check::Regular(regular), _) => regular.is_found(text),
            (Check::Format(format), _) => format.fits(text),
            (Check::Time(limit), operator) => match time::read(text) {
                Some(there) if operator == Operator::Before => there < **limit,
                Some(there) => there > **limit,
                None => return self.cannot(look, "judges times by RFC 3339"),
            },
            (_, Operator::StartsWith) => text.starts_with(operand),
            (_, Operator::EndsWith) => text.ends_with(operand),
            _ => return self.unprepared(look),
        };
        if holds { Ruling::Holds } else { fails(look) }
    }

    fn length(&self, look: Look<'_>) -> Ruling {
        let Check::Test(test) = &self.check else { return self.unprepared(look) };
        let Some(length) = length(look) else {
            return self.cannot(look, "counts characters, items or fields");
        };
        let count = Value::from(length);
        match test.rule(Look::Value(&count, None)) {
            Ruling::Holds => Ruling::Holds,
            Ruling::Fails(_) => fails_with(look, format!("its length is {length}")),
            Ruling::Cannot(blame) => Ruling::Cannot(blame),
        }
    }

    fn empty(&self, look: Look<'_>) -> Ruling {
        let flag = matches!(self.check, Check::Flag(true));
        match length(look) {
            None => self.cannot(look, "judges texts, lists and objects"),
            Some(length) if (length == 0) == flag => Ruling::Holds,
            Some(length) => fails_with(look, format!("its length is {length}")),
        }
    }

    fn kind(&self, look: Look<'_>) -> Ruling {
        let Check::Types(types) = &self.check else { return self.unprepared(look) };
        let kind = match look {
            Look::Value(value, _) => json::kind(value),
            Look::Text(_) => "string",
            Look::Many(_) | Look::Missing(_) => "array",
        };
        let fits =
            types.iter().any(|name| *name == kind || (*name == "number" && kind == "integer"));
        if fits { Ruling::Holds } else { fails_with(look, format!("it is of type {kind}")) }
    }

    fn partial(&self, look: Look<'_>) -> Ruling {
        let wanted = in_words(&self.operand);
        let fits = match look {
            Look::Value(value, _) => in_words(value) == wanted,
            Look::Many(_) => self.operand.is_array(),
            Look::Text(_) | Look::Missing(_) => false,
        };
        if fits {
            self.differs(look, Extent::AtLeast)
        } else {
            self.cannot(look, &format!("looks into {wanted}"))
        }
    }

    fn unordered(&self, look: Look<'_>) -> Ruling {
        let expected = self.operand.as_array().map(Vec::as_slice).unwrap_or_default();
        let (missing, extra) = match look {
            Look::Value(Value::Array(there), _) => unmatched(expected, there.iter()),
            Look::Many(hits) => unmatched(expected, hits.iter().map(|hit| hit.value)),
            Look::Value(..) | Look::Text(_) | Look::Missing(_) => {
                return self.cannot(look, "compares lists");
            }
        };
        if missing.is_empty() && extra.is_empty() {
            return Ruling::Holds;
        }
        let side = |name: &str, values: &[&Value]| {
            let shown: Vec<String> = values.iter().take(5).filter_map(|v| brief(v)).collect();
            match (values.len(), shown.len()) {
                (0, _) => None,
                (all, some) if all == some => Some(format!("{name}: `{}`", shown.join("`, `"))),
                (all, 0) => Some(format!("{name}: {}", items(all))),
                (all, _) => {
                    Some(format!("{name}: {}, among them `{}`", items(all), shown.join("`, `")))
                }
            }
        };
        let sides: Vec<String> =
            [side("missing", &missing), side("extra", &extra)].into_iter().flatten().collect();
        fails_with(look, sides.join("; "))
    }

    /// The value at the first place that does not fit is what was there; the others are told too.
    fn schema(&self, look: Look<'_>) -> Ruling {
        let Check::Schema(schema) = &self.check else { return self.unprepared(look) };
        // The results of a path are judged as the list that they are.
        let value = match look {
            Look::Many(hits) => Cow::Owned(hits.iter().map(|hit| hit.value.clone()).collect()),
            Look::Value(..) | Look::Text(_) | Look::Missing(_) => whole(look),
        };
        let mut misfits = schema.misfits(&value);
        let Some(first) = misfits.first() else { return Ruling::Holds };
        let at = if first.at.is_empty() { String::new() } else { format!("at `{}` ", first.at) };
        let more = match misfits.len() {
            1 => String::new(),
            CAP => format!("; this is the first of {CAP} or more places"),
            more => format!("; this is the first of {more} places"),
        };
        let note = format!("{at}the schema wants {}{more}", first.wanted);
        let found =
            value.pointer(&first.at).map_or_else(|| actual(look), |v| Actual::Value(v.clone()));
        for misfit in &mut misfits {
            misfit.pointer = match look {
                Look::Value(_, base) => base.map(|base| format!("{base}{}", misfit.at)),
                Look::Many(hits) => in_hits(hits, &misfit.at),
                Look::Text(_) | Look::Missing(_) => None,
            };
        }
        let pointer = misfits.first().and_then(|first| first.pointer.clone());
        Ruling::Fails(Blame { pointer, note: Some(note), violations: misfits, ..Blame::of(found) })
    }

    fn each(&self, look: Look<'_>) -> Ruling {
        let Check::Test(test) = &self.check else { return self.unprepared(look) };
        let Some(list) = List::of(look) else { return self.cannot(look, "goes through a list") };
        if list.len() == 0 {
            return self.no_items(look);
        }
        let mut failed: Option<(usize, Blame)> = None;
        let mut failures = 0;
        for index in 0..list.len() {
            match list.rule(index, test) {
                Ruling::Holds => {}
                Ruling::Fails(blame) => {
                    failures += 1;
                    failed = failed.or(Some((index, blame)));
                }
                Ruling::Cannot(blame) => {
                    return Ruling::Cannot(in_list(blame, index, 1, &list));
                }
            }
        }
        match failed {
            None => Ruling::Holds,
            Some((index, blame)) => Ruling::Fails(in_list(blame, index, failures, &list)),
        }
    }

    fn some(&self, look: Look<'_>) -> Ruling {
        let Check::Test(test) = &self.check else { return self.unprepared(look) };
        let Some(list) = List::of(look) else { return self.cannot(look, "goes through a list") };
        if list.len() == 0 {
            return self.no_items(look);
        }
        let mut cannot = None;
        for index in 0..list.len() {
            match list.rule(index, test) {
                Ruling::Holds => return Ruling::Holds,
                Ruling::Fails(_) => {}
                Ruling::Cannot(blame) => {
                    cannot = cannot.or_else(|| Some(in_list(blame, index, 1, &list)));
                }
            }
        }
        match cannot {
            Some(blame) => Ruling::Cannot(blame),
            None => fails_with(look, format!("it holds for none of {}", items(list.len()))),
        }
    }

    fn none(&self, look: Look<'_>) -> Ruling {
        let Check::Test(test) = &self.check else { return self.unprepared(look) };
        let Some(list) = List::of(look) else { return self.cannot(look, "goes through a list") };
        let mut held = None;
        for index in 0..list.len() {
            match list.rule(index, test) {
                Ruling::Holds => held = held.or(Some(index)),
                Ruling::Fails(_) => {}
                Ruling::Cannot(blame) => {
                    return Ruling::Cannot(in_list(blame, index, 1, &list));
                }
            }
        }
        match held {
            None => Ruling::Holds,
            Some(index) => Ruling::Fails(Blame {
                pointer: list.pointer(index),
                note: Some(format!("it holds for item {} of {}", index + 1, list.len())),
                ..Blame::of(
                    list.get(index).map_or_else(|| actual(look), |v| Actual::Value(v.clone())),
                )
            }),
        }
    }

    /// `each` and `some` need an item, also inside `not`: nothing passes by accident.
    fn no_items(&self, look: Look<'_>) -> Ruling {
        Ruling::Cannot(Blame {
            pointer: pointer(look),
            note: Some(format!(
                "the list is empty, and `{}` needs an item",
                self.operator.as_str()
            )),
            ..Blame::of(actual(look))
        })
    }

    fn cannot(&self, look: Look<'_>, does: &str) -> Ruling {
        let is = match look {
            Look::Value(value, _) => in_words(value),
            Look::Text(_) => "a text",
            Look::Many(_) | Look::Missing(_) => "a list",
        };
        Ruling::Cannot(Blame {
            pointer: pointer(look),
            ..Blame::of(Actual::Unjudgeable {
                value: whole(look).into_owned(),
                why: format!("`{}` {does}, this is {is}", self.operator.as_str()),
            })
        })
    }

    /// An operand whose template was never evaluated: a failure, never a pass.
    fn unprepared(&self, look: Look<'_>) -> Ruling {
        self.cannot(look, "has no operand yet")
    }
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, tail};

    #[test]
    fn the_end_of_a_body_begins_with_a_whole_word() {
        let body = b"a first \"key-0123456789abcdefghij\"";
        assert_eq!(tail(body, 16), 9, "the key is whole");
        assert_eq!(tail(b"short", 16), 0);
        let long = vec![b'x'; 3 * SHOWN];
        assert_eq!(tail(&long, 16), 2 * SHOWN);
        assert_eq!(tail(&long, 2 * SHOWN), SHOWN, "what is compared is there");
    }
}
