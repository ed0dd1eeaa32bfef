//! The registry's filter language: `name LIKE 'a%' AND tags.team = 'x'`, and pages of results.

use super::answer::Refusal;
use super::params::Params;

/// The kinds of thing that a clause can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Attribute,
    Tag,
    Param,
    Metric,
}

/// What an entity has under a clause's key.
pub(super) enum Fact<'a> {
    Text(&'a str),
    Number(f64),
    Absent,
}

/// Clauses that must all hold.
#[derive(Debug)]
pub(super) struct Filter {
    clauses: Vec<Clause>,
}

#[derive(Debug)]
struct Clause {
    family: Family,
    key: String,
    comparator: Comparator,
    values: Vec<Literal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    Ilike,
    In,
    NotIn,
}

#[derive(Debug)]
enum Literal {
    Text(String),
    Number(f64),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Symbol(String),
}

impl Filter {
    /// Reads a filter whose bare keys are `attributes`; an empty one lets everything through.
    pub(super) fn parse(text: &str, attributes: &[&str]) -> Result<Self, Refusal> {
        let tokens = tokens(text)?;
        let clauses = tokens
            .split(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("and")))
            .filter(|clause| !(clause.is_empty() && tokens.is_empty()))
            .map(|clause| Clause::parse(clause, attributes, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { clauses })
    }

    /// Whether an entity passes; `fact` looks a key up in it.
    pub(super) fn admits<'a>(&self, fact: impl Fn(Family, &str) -> Fact<'a>) -> bool {
        self.clauses.iter().all(|clause| clause.holds(&fact(clause.family, &clause.key)))
    }
}

impl Clause {
    fn parse(tokens: &[Token], attributes: &[&str], whole: &str) -> Result<Self, Refusal> {
        let unclear = || Refusal::invalid(format!("Invalid clause(s) in filter string: {whole}"));
        let [Token::Word(key), rest @ ..] = tokens else { return Err(unclear()) };
        let (family, key) = family_and_key(key);
        if family == Family::Attribute && !attributes.contains(&key.as_str()) {
            let known = attributes.join("', '");
            return Err(Refusal::invalid(format!(
                "Invalid attribute key '{key}' specified. Valid keys are '{{'{known}'}}'"
            )));
        }
        let (comparator, rest) = Comparator::parse(rest).ok_or_else(unclear)?;
        let values: Vec<Literal> = match comparator {
            Comparator::In | Comparator::NotIn => rest.iter().filter_map(Literal::of).collect(),
            Comparator::Equal
            | Comparator::NotEqual
            | Comparator::Less
            | Comparator::LessOrEqual
            | Comparator::Greater
            | Comparator::GreaterOrEqual
            | Comparator::Like
            | Comparator::Ilike => match rest {
                [value] => Literal::of(value).into_iter().collect(),
                [] | [_, ..] => return Err(unclear()),
            },
        };
        let texts_only = matches!(family, Family::Tag | Family::Param);
        match values.first() {
            None => Err(unclear()),
            Some(Literal::Number(number)) if texts_only => Err(Refusal::invalid(format!(
                "Expected a quoted string value for parameter (e.g. 'my-value'). Got value {number}"
            ))),
            Some(Literal::Number(_) | Literal::Text(_)) => {
                Ok(Self { family, key, comparator, values })
            }
        }
    }

    fn holds(&self, fact: &Fact<'_>) -> bool {
        let any = |judge: &dyn Fn(&Literal) -> bool| self.values.iter().any(judge);
        if matches!(fact, Fact::Absent) {
            return false;
        }
        match (fact, self.comparator) {
            (_, Comparator::Equal | Comparator::In) => any(&|value| value.equals(fact)),
            (_, Comparator::NotEqual | Comparator::NotIn) => !any(&|value| value.equals(fact)),
            (Fact::Text(text), Comparator::Like) => any(&|value| value.is_like(text, false)),
            (Fact::Text(text), Comparator::Ilike) => any(&|value| value.is_like(text, true)),
            (Fact::Number(left), comparator) => any(&|value| match (value, comparator) {
                (Literal::Number(right), Comparator::Less) => left < right,
                (Literal::Number(right), Comparator::LessOrEqual) => left <= right,
                (Literal::Number(right), Comparator::Greater) => left > right,
                (Literal::Number(right), Comparator::GreaterOrEqual) => left >= right,
                (Literal::Number(_) | Literal::Text(_), _) => false,
            }),
            (
                Fact::Text(_) | Fact::Absent,
                Comparator::Less
                | Comparator::LessOrEqual
                | Comparator::Greater
                | Comparator::GreaterOrEqual,
            )
            | (Fact::Absent, Comparator::Like | Comparator::Ilike) => false,
        }
    }
}

impl Comparator {
    fn parse(tokens: &[Token]) -> Option<(Self, &[Token])> {
        let (first, rest) = tokens.split_first()?;
        let comparator = match first {
            Token::Symbol(symbol) => match symbol.as_str() {
                "=" => Self::Equal,
                "!=" => Self::NotEqual,
                "<" => Self::Less,
                "<=" => Self::LessOrEqual,
                ">" => Self::Greater,
                ">=" => Self::GreaterOrEqual,
                _ => return None,
            },
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "LIKE" => Self::Like,
                "ILIKE" => Self::Ilike,
                "IN" => Self::In,
                "NOT" => {
                    let (second, rest) = rest.split_first()?;
                    let is_in = matches!(second, Token::Word(w) if w.eq_ignore_ascii_case("in"));
                    return is_in.then_some((Self::NotIn, rest));
                }
                _ => return None,
            },
            Token::Quoted(_) => return None,
        };
        Some((comparator, rest))
    }
}

impl Literal {
    fn of(token: &Token) -> Option<Self> {
        match token {
            Token::Quoted(text) => Some(Self::Text(text.clone())),
            Token::Word(word) => word.parse().ok().map(Self::Number),
            Token::Symbol(_) => None,
        }
    }

    fn equals(&self, fact: &Fact<'_>) -> bool {
        match (self, fact) {
            (Self::Text(wanted), Fact::Text(text)) => wanted == text,
            (Self::Number(wanted), Fact::Number(number)) => (wanted - number).abs() == 0.0,
            (Self::Text(_) | Self::Number(_), Fact::Text(_) | Fact::Number(_) | Fact::Absent) => {
                false
            }
        }
    }

    fn is_like(&self, text: &str, any_case: bool) -> bool {
        let Self::Text(pattern) = self else { return false };
        if any_case {
            like(&pattern.to_lowercase(), &text.to_lowercase())
        } else {
            like(pattern, text)
        }
    }
}

/// SQL's LIKE: `%` is any text, `_` any one character.
fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // `reached[i]`: the first i characters of the pattern match the text so far.
    let mut reached: Vec<bool> = vec![true];
    for sign in &pattern {
        let before = reached.last().copied().unwrap_or(false);
        reached.push(before && *sign == '%');
    }
    for character in text.chars() {
        let mut next = vec![false];
        for (place, sign) in pattern.iter().enumerate() {
            let here = reached.get(place).copied().unwrap_or(false);
            let beyond = reached.get(place + 1).copied().unwrap_or(false);
            let now = next.last().copied().unwrap_or(false);
            next.push(match sign {
                '%' => beyond || now,
                '_' => here,
                sign => here && *sign == character,
            });
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

fn family_and_key(key: &str) -> (Family, String) {
    let Some((family, name)) = key.split_once('.') else {
        return (Family::Attribute, key.to_owned());
    };
    let family = match family.to_ascii_lowercase().as_str() {
        "tag" | "tags" => Family::Tag,
        "param" | "params" | "parameter" | "parameters" => Family::Param,
        "metric" | "metrics" => Family::Metric,
        "attr" | "attribute" | "attributes" => Family::Attribute,
        _ => return (Family::Attribute, key.to_owned()),
    };
    (family, name.to_owned())
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' | '"' => {
                let (inside, after) =
                    rest.get(1..).and_then(|rest| rest.split_once(first)).ok_or_else(|| {
                        Refusal::invalid(format!("Invalid clause(s) in filter string: {text}"))
                    })?;
                (Token::Quoted(inside.to_owned()), after)
            }
            '=' | '!' | '<' | '>' | '~' => {
                let (symbol, after) = cut(rest, |c| matches!(c, '=' | '!' | '<' | '>' | '~'));
                (Token::Symbol(symbol.to_owned()), after)
            }
            '(' | ')' | ',' => {
                let (symbol, after) = rest.split_at(1);
                (Token::Symbol(symbol.to_owned()), after)
            }
            _ => word(rest),
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// A key or number; backticks keep what stands between them together.
fn word(rest: &str) -> (Token, &str) {
    let mut in_backticks = false;
    let (word, after) = cut(rest, |c| {
        if c == '`' {
            in_backticks = !in_backticks;
        }
        in_backticks || !(c.is_whitespace() || "=!<>~(),'\"".contains(c))
    });
    (Token::Word(word.replace('`', "")), after)
}

fn cut(text: &str, mut belongs: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// A page of search results and the token of the next one.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// How many results a search gives, and from where; `limit` is the most that may be asked for.
pub(super) fn page<T>(
    items: impl Iterator<Item = T>,
    params: &Params,
    default: usize,
    limit: usize,
) -> Result<Page<T>, Refusal> {
    let size = match params.optional_integer("max_results")? {
        None => default,
        Some(size) => match usize::try_from(size) {
            Ok(size) if (1..=limit).contains(&size) => size,
            Ok(size) if size > limit => {
                return Err(Refusal::invalid(format!(
                    "Invalid value {size} for parameter 'max_results' supplied. It must be at most {limit}"
                )));
            }
            Ok(_) | Err(_) => return Err(not_positive(size)),
        },
    };
    let from = match params.optional_text("page_token")? {
        None | Some("") => 0,
        Some(token) => offset(token)
            .ok_or_else(|| Refusal::invalid("Invalid page token, could not base64-decode"))?,
    };
    let mut items: Vec<T> = items.skip(from).take(size.saturating_add(1)).collect();
    let more = items.len() > size;
    items.truncate(size);
    Ok(Page { items, next: more.then(|| page_token(from.saturating_add(size))) })
}

/// The refusal of a page size below 1.
pub(super) fn not_positive(size: i64) -> Refusal {
    Refusal::invalid(format!(
        "Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer"
    ))
}

fn page_token(offset: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

fn offset(token: &str) -> Option<usize> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
    let token: serde_json::Value = serde_json::from_slice(&text).ok()?;
    usize::try_from(token.get("offset")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &str) -> bool {
        let filter = Filter::parse(filter, &["name", "version_number"]).expect("a good filter");
        filter.admits(|family, key| match (family, key) {
            (Family::Attribute, "name") => Fact::Text("fraud-model"),
            (Family::Attribute, "version_number") => Fact::Number(3.0),
            (Family::Tag, "team name") => Fact::Text("risk"),
            _ => Fact::Absent,
        })
    }

    #[test]
    fn every_clause_must_hold() {
        assert!(admits(""));
        assert!(admits("name = 'fraud-model'"));
        assert!(admits("name='fraud-model' and version_number >= 3"));
        assert!(!admits("name='fraud-model' AND version_number > 3"));
        assert!(admits("tags.`team name` != 'sales'"));
        assert!(!admits("tags.absent != 'sales'"));
        assert!(admits("name IN ('a', 'fraud-model')"));
        assert!(!admits("name NOT IN ('a', 'fraud-model')"));
    }

    #[test]
    fn like_knows_both_wildcards_and_ilike_forgets_case() {
        assert!(admits("name LIKE 'fraud%'"));
        assert!(admits("name LIKE '%-mode_'"));
        assert!(!admits("name LIKE 'Fraud%'"));
        assert!(admits("name ILIKE 'Fraud%'"));
        assert!(!admits("name LIKE 'fraud'"));
        assert!(!admits("name LIKE '_fraud%'"));
    }

    #[test]
    fn what_is_no_filter_is_refused_in_the_registrys_words() {
        let told = |filter| Filter::parse(filter, &["name"]).expect_err("a bad filter").message;
        assert_eq!(
            told("bogus ~ 1"),
            "Invalid attribute key 'bogus' specified. Valid keys are '{'name'}'"
        );
        for filter in ["name", "name = ", "name = 'a", "= 'a'", "name = 'a' and", "name ~ 'a'"] {
            assert!(told(filter).starts_with("Invalid clause(s)"), "{filter}");
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let first = page(0..5, &Params::of_query("max_results=3"), 100, 100).expect("a page");
        assert_eq!(first.items, [0, 1, 2]);
        let token = first.next.expect("there is more");
        let query = format!("max_results=3&page_token={}", token.replace('=', "%3D"));
        let second = page(0..5, &Params::of_query(&query), 100, 100).expect("a page");
        assert_eq!(second.items, [3, 4]);
        assert!(second.next.is_none());
        assert!(page(0..5, &Params::of_query("max_results=0"), 100, 100).is_err());
        assert!(page(0..5, &Params::of_query("page_token=!"), 100, 100).is_err());
    }
}
