//! The functions of the language; what is random depends on the seed and the place alone.

use std::ops::Range;

use ring::digest;
use serde_json::Value;

use super::catalog::Function;
use super::eval::{Data, Evaluation, Val, either, fault};
use super::expression::{Arguments, Expr};
use super::fault::{EvalFault, EvalFaultKind, Role};
use super::operators::from_i128;
use crate::json;
use crate::json::in_words;
use crate::units::uuid;

/// The longest text of `random_string`, and the most items of `range`.
const LONGEST: i128 = 100_000;

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ken",
    "Lise", "Margaret", "Niklaus", "Radia", "Sophie", "Tim",
];
const LAST_NAMES: [&str; 16] = [
    "Allen", "Berg", "Castro", "Diallo", "Evans", "Fischer", "Garcia", "Haddad", "Ito", "Jensen",
    "Kovacs", "Lindgren", "Moreau", "Novak", "Okafor", "Silva",
];

/// Calls a function.
pub(super) fn call<'s>(
    evaluation: &mut Evaluation<'s>,
    function: Function,
    arguments: &'s Arguments,
    range: &Range<usize>,
) -> Result<Val<'s>, EvalFault> {
    let given = &arguments.positional;
    let mut random = Random::at(evaluation, range);
    Ok(match function {
        Function::Uuid => Val::plain(uuid(random.number())),
        Function::Now => Val::plain(show_time(evaluation.scope.now)),
        Function::TimestampMs => Val::plain(evaluation.scope.now.as_millisecond()),
        Function::RandomInt => {
            let [low, high] = integers(evaluation, function, given, range)?;
            if low > high {
                let wants = "the smaller number first";
                return Err(cannot(function, range, "them the other way round", wants));
            }
            let span = high.abs_diff(low).checked_add(1);
            let number = random.number();
            let offset = span.map_or(number, |span| number % span);
            Val::plain(from_i128(low.wrapping_add_unsigned(offset)))
        }
        Function::RandomString => {
            let [length] = integers(evaluation, function, given, range)?;
            if !(0..=LONGEST).contains(&length) {
                return Err(cannot(function, range, "another number", "0 to 100000"));
            }
            Val::plain(random.word(usize::try_from(length).unwrap_or(0)))
        }
        Function::Fake => {
            let (what, text_range) = text(evaluation, function, given, range)?;
            let first = pick(&FIRST_NAMES, random.number());
            let last = pick(&LAST_NAMES, random.number());
            match what.0.as_str() {
                "name" => Val::plain(format!("{first} {last}")),
                "email" => {
                    let tail = random.word(6);
                    let (first, last) = (first.to_lowercase(), last.to_lowercase());
                    Val::plain(format!("{first}.{last}.{tail}@example.com"))
                }
                _ => {
                    return Err(cannot(function, &text_range, "another text", "'email' or 'name'"));
                }
            }
        }
        Function::File => {
            let ((path, taint), text_range) = text(evaluation, function, given, range)?;
            let bytes = (evaluation.scope.file)(&path).map_err(|message| {
                let message = if taint.is_some() {
                    "its path comes from a secret".to_owned()
                } else {
                    message
                };
                fault(&text_range, EvalFaultKind::File { message })
            })?;
            match String::from_utf8(bytes) {
                Ok(text) => Val::tainted(text, taint),
                Err(error) => Val { data: Data::Bytes(error.into_bytes()), taint },
            }
        }
        Function::Range => numbers(evaluation, given, range)?,
        Function::Dict => {
            let mut fields = serde_json::Map::new();
            let mut taint = None;
            for (name, value) in &arguments.named {
                let (value, secret) = evaluation.own(value)?;
                fields.insert(name.clone(), value);
                taint = either(taint, secret);
            }
            Val::tainted(fields, taint)
        }
    })
}

fn cannot(
    function: Function,
    range: &Range<usize>,
    given: &'static str,
    wants: &'static str,
) -> EvalFault {
    let (role, name) = (Role::Function, function.name().to_owned());
    fault(range, EvalFaultKind::CannotTake { role, name, given, wants })
}

fn integers<'s, const N: usize>(
    evaluation: &mut Evaluation<'s>,
    function: Function,
    given: &'s [Expr],
    range: &Range<usize>,
) -> Result<[i128; N], EvalFault> {
    let mut numbers = [0; N];
    for (index, slot) in numbers.iter_mut().enumerate() {
        let Some(argument) = given.get(index) else {
            return Err(cannot(function, range, "nothing", "a whole number"));
        };
        let (value, _) = evaluation.get(argument)?;
        let number = value.as_number().and_then(json::integer);
        *slot = number
            .filter(|n| n.unsigned_abs() < 1 << 100)
            .ok_or_else(|| cannot(function, &argument.range, in_words(&value), "a whole number"))?;
    }
    Ok(numbers)
}

type Text = (String, super::scope::Taint);

fn text<'s>(
    evaluation: &mut Evaluation<'s>,
    function: Function,
    given: &'s [Expr],
    range: &Range<usize>,
) -> Result<(Text, Range<usize>), EvalFault> {
    let Some(argument) = given.first() else {
        return Err(cannot(function, range, "nothing", "a text"));
    };
    match evaluation.own(argument)? {
        (Value::String(text), taint) => Ok(((text, taint), argument.range.clone())),
        (other, _) => Err(cannot(function, &argument.range, in_words(&other), "a text")),
    }
}

/// `range(stop)`, `range(start, stop)`, `range(start, stop, step)`.
fn numbers<'s>(
    evaluation: &mut Evaluation<'s>,
    given: &'s [Expr],
    range: &Range<usize>,
) -> Result<Val<'s>, EvalFault> {
    let function = Function::Range;
    let (start, stop, stride) = match given.len() {
        0 | 1 => {
            let [stop] = integers(evaluation, function, given, range)?;
            (0, stop, 1)
        }
        2 => {
            let [start, stop] = integers(evaluation, function, given, range)?;
            (start, stop, 1)
        }
        _ => {
            let [start, stop, stride] = integers(evaluation, function, given, range)?;
            (start, stop, stride)
        }
    };
    if stride == 0 {
        return Err(cannot(function, range, "zero", "a step other than zero"));
    }
    let count =
        if stride > 0 { stop - start + stride - 1 } else { stop - start + stride + 1 } / stride;
    if count > LONGEST {
        return Err(fault(range, EvalFaultKind::TooMuch));
    }
    let count = usize::try_from(count.max(0)).unwrap_or(0);
    let mut items = Vec::with_capacity(count);
    let mut at = start;
    for _ in 0..count {
        items.push(from_i128(at));
        at += stride;
    }
    Ok(Val::plain(items))
}

/// RFC 3339 with milliseconds, in UTC.
pub(super) fn show_time(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}

/// A word of ten lower-case letters and digits that begins with a letter, of a fresh number.
pub(super) fn unique_word(number: u64) -> String {
    let mut rest = number;
    let mut word = String::with_capacity(10);
    for position in 0..10 {
        let alphabet: &[u8] = if position == 0 { &ALPHABET[..26] } else { ALPHABET };
        let base = alphabet.len() as u64;
        let index = usize::try_from(rest % base).unwrap_or(0);
        word.push(alphabet.get(index).map_or('a', |byte| char::from(*byte)));
        rest /= base;
    }
    word
}

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

fn pick(names: &[&'static str], number: u128) -> &'static str {
    let length = names.len().max(1) as u128;
    usize::try_from(number % length).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

/// Bytes that depend on the seed, where the evaluation stands, and the place in the plan.
struct Random {
    key: digest::Digest,
    count: u64,
}

impl Random {
    fn at(evaluation: &Evaluation<'_>, range: &Range<usize>) -> Self {
        let seed = &evaluation.scope.seed;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&seed.seed.to_be_bytes());
        for text in [seed.plan, seed.case, seed.step] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        for number in [seed.iteration, seed.attempt, evaluation.origin, range.start as u64] {
            context.update(&number.to_be_bytes());
        }
        Self { key: context.finish(), count: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.key.as_ref());
        context.update(&self.count.to_be_bytes());
        self.count += 1;
        let mut block = [0; 32];
        block.copy_from_slice(context.finish().as_ref());
        block
    }

    fn number(&mut self) -> u128 {
        self.block().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
    }

    fn word(&mut self, length: usize) -> String {
        let mut word = String::with_capacity(length);
        while word.len() < length {
            for byte in self.block() {
                // Bytes beyond the last whole alphabet would favour its first letters.
                if word.len() < length && byte < 252 {
                    let letter = ALPHABET.get(usize::from(byte) % ALPHABET.len());
                    word.extend(letter.map(|byte| char::from(*byte)));
                }
            }
        }
        word
    }
}
