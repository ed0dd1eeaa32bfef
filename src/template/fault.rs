//! What can be wrong with a template, before the run and in it; never with a value in the words.

use std::fmt;
use std::ops::Range;

use crate::finding::{Code, Fault};

/// Something wrong with a template as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The bytes in the content of the scalar.
    pub range: Range<usize>,
    /// What is wrong.
    pub kind: TemplateFaultKind,
}

/// What is wrong with a template as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateFaultKind {
    /// `{{ x }}`, as Postman and Jinja write it.
    MissingDollar {
        /// What stands between the braces.
        inner: String,
    },
    /// `${{` without `}}`.
    Unclosed,
    /// `${{ x }`: closed by one brace.
    HalfClosed,
    /// A text inside the expression that does not end.
    OpenQuote,
    /// `${{ }}`.
    Empty,
    /// A word or sign of another language.
    Foreign {
        /// The sign as written.
        written: &'static str,
        /// What to write.
        instead: &'static str,
    },
    /// Not an expression, in the words of the parser.
    Syntax {
        /// The parser's words.
        message: String,
    },
    /// A name that is called or applied and does not exist.
    Unknown {
        /// What it was used as.
        role: Role,
        /// The name as written.
        name: String,
        /// The nearest known name.
        similar: Option<&'static str>,
        /// The role in which the same name does exist.
        elsewhere: Option<Role>,
    },
    /// `x.upper()`: values have no methods.
    Method {
        /// The method as written.
        name: String,
        /// Whether a filter of this name exists.
        is_filter: bool,
    },
    /// Too many or too few arguments.
    ArgumentCount {
        /// The function or filter with its arguments, as it is documented.
        signature: &'static str,
        /// How many were given.
        given: usize,
    },
    /// An argument that can never do.
    BadArgument {
        /// The function or filter with its arguments, as it is documented.
        signature: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A regular expression that does not parse.
    BadRegex {
        /// What is wrong with it.
        message: String,
    },
    /// `omit` inside a text.
    OmitInText,
    /// An expression of more than 8 KiB, or nested too deeply.
    TooLarge,
    /// A construct of minijinja that is not part of the language.
    Unsupported {
        /// What it is.
        what: &'static str,
    },
    /// A whole expression was due, and there is text around the template.
    NotWhole,
}

/// What a name can be used as in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `name(…)`.
    Function,
    /// `| name`.
    Filter,
    /// `is name`.
    Test,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Function => "function",
            Self::Filter => "filter",
            Self::Test => "test",
        })
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use TemplateFaultKind as Kind;
        match &self.kind {
            Kind::MissingDollar { inner } => {
                write!(f, "`{{{{ {inner} }}}}` is no template: the `$` is missing")
            }
            Kind::Unclosed => f.write_str("`${{` is not closed"),
            Kind::HalfClosed => f.write_str("the template is closed by one `}` instead of two"),
            Kind::OpenQuote => f.write_str("a quote inside the template is not closed"),
            Kind::Empty => f.write_str("nothing stands between `${{` and `}}`"),
            Kind::Foreign { written, .. } => write!(f, "`{written}` is not known in expressions"),
            Kind::Syntax { message } => write!(f, "the expression does not parse: {message}"),
            Kind::Unknown { role, name, .. } => write!(f, "unknown {role} `{name}`"),
            Kind::Method { name, .. } => {
                write!(f, "`.{name}()` cannot be called: values have no methods")
            }
            Kind::ArgumentCount { signature, given } => {
                let plural = if *given == 1 { "" } else { "s" };
                write!(f, "`{signature}` is given {given} argument{plural}")
            }
            Kind::BadArgument { signature, message } => write!(f, "`{signature}`: {message}"),
            Kind::BadRegex { message } => {
                write!(f, "the regular expression does not parse: {message}")
            }
            Kind::OmitInText => f.write_str("`omit` stands inside a text"),
            Kind::TooLarge => f.write_str("the expression is too long or nested too deeply"),
            Kind::Unsupported { what } => write!(f, "{what} are not part of the language"),
            Kind::NotWhole => f.write_str("text stands around the expression"),
        }
    }
}

impl Fault for TemplateFault {
    fn code(&self) -> Code {
        use TemplateFaultKind as Kind;
        match self.kind {
            Kind::MissingDollar { .. } => Code::YamlTrap,
            Kind::Unknown { .. } => Code::UnknownFunction,
            Kind::OmitInText => Code::OmitInText,
            Kind::Unclosed
            | Kind::HalfClosed
            | Kind::OpenQuote
            | Kind::Empty
            | Kind::Foreign { .. }
            | Kind::Syntax { .. }
            | Kind::Method { .. }
            | Kind::ArgumentCount { .. }
            | Kind::BadArgument { .. }
            | Kind::BadRegex { .. }
            | Kind::TooLarge
            | Kind::Unsupported { .. }
            | Kind::NotWhole => Code::BadTemplate,
        }
    }

    fn help(&self) -> Option<String> {
        use TemplateFaultKind as Kind;
        Some(match &self.kind {
            Kind::MissingDollar { inner } => format!(
                "write `${{{{ {inner} }}}}`; if these braces are meant as text, write `${{{{ '{{{{ {inner} }}}}' }}}}`"
            ),
            Kind::Unclosed => "close it with `}}`; if ` #` or `: ` stands in it, YAML ended the value there: put the whole value in quotes. A literal `${{` is written `$${{`".into(),
            Kind::HalfClosed => "write `}}`".into(),
            Kind::OpenQuote => "close the quote before `}}`".into(),
            Kind::Empty => "write a name or an expression; a literal `${{` is written `$${{`".into(),
            Kind::Foreign { instead, .. } => format!("write {instead}"),
            Kind::Unknown { role: Role::Function, name, .. }
                if matches!(name.as_str(), "unique" | "omit" | "attempt" | "iter") =>
            {
                format!("`{name}` is a name: write `${{{{ {name} }}}}`, without brackets")
            }
            Kind::Unknown { role, name, similar, elsewhere } => match (elsewhere, similar) {
                (Some(Role::Filter), _) => format!("`{name}` is a filter: write `value | {name}`"),
                (Some(Role::Function), _) => format!("`{name}` is a function: write `{name}(…)`"),
                (Some(Role::Test), _) => format!("`{name}` is a test: write `value is {name}`"),
                (None, Some(similar)) => format!("did you mean `{similar}`?"),
                (None, None) => return Some(match role {
                    Role::Function => "functions are: uuid, now, timestamp_ms, random_int, random_string, fake, file, range, dict".into(),
                    Role::Filter | Role::Test => return None,
                }),
            },
            Kind::Method { name, is_filter: true } => format!("write `value | {name}`"),
            Kind::Method { .. } => "use a filter: `value | filter`".into(),
            Kind::ArgumentCount { signature, .. } => format!("write it as `{signature}`"),
            Kind::Syntax { .. } => "write an expression such as `name`, `a + b` or `name | upper`; texts stand in quotes".into(),
            Kind::BadRegex { .. } => "write `\\\\` before a character that is meant as itself".into(),
            Kind::BadArgument { .. } | Kind::Unsupported { .. } => return None,
            Kind::OmitInText => "make `${{ omit }}` the whole value, or put the text into the expression: `${{ 'n-' ~ x if x is defined else omit }}`".into(),
            Kind::TooLarge => "put a part of it into `vars`".into(),
            Kind::NotWhole => "write the bare expression, or one `${{ … }}` around all of it".into(),
        })
    }
}

/// Why an expression could not be evaluated with the data of this run.
///
/// Names, keys and types are in it; values are not, since any of them may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalFault {
    /// The bytes in the content of the scalar.
    pub range: Range<usize>,
    /// What went wrong.
    pub kind: EvalFaultKind,
}

/// What went wrong while an expression was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalFaultKind {
    /// A name that nothing is bound to.
    UnknownName {
        /// The name.
        name: String,
        /// The nearest name that is there.
        similar: Option<String>,
    },
    /// A field that is not there.
    MissingField(Box<MissingField>),
    /// An index beyond the end of a list.
    MissingItem {
        /// The expression in which it was looked for, as written.
        parent: String,
        /// How many items are there.
        length: usize,
    },
    /// A field or item of something that has none.
    NoContainer {
        /// The expression in which it was looked for, as written.
        parent: String,
        /// What it is: `a text`, `null`.
        kind: &'static str,
        /// What was looked for.
        field: String,
    },
    /// An operator between things that do not go together.
    WrongOperands {
        /// The operator as written.
        operator: &'static str,
        /// What stands left of it; nothing for a sign before one operand.
        left: Option<&'static str>,
        /// What stands right of it.
        right: &'static str,
    },
    /// A filter, function or test that cannot take what it was given.
    CannotTake {
        /// What was used.
        role: Role,
        /// Its name.
        name: String,
        /// What it was given: `a number`.
        given: &'static str,
        /// What it wants, in a few words; may be empty.
        wants: &'static str,
    },
    /// Division by zero, or a result too large for a number.
    Arithmetic,
    /// The expression would take too long or too much memory.
    TooMuch,
    /// `a if c` without `else`, and `c` does not hold.
    NoElse,
    /// `omit` inside a text, or computed with.
    OmitInText,
    /// A file that `file()` names and that cannot be read.
    File {
        /// Why, in the words of the reader.
        message: String,
    },
    /// Bytes that are no UTF-8 where a text or a JSON value is due.
    NotText,
}

/// A field that is not there, and what is there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingField {
    /// The expression in which it was looked for, as written; empty where it has no name.
    pub parent: String,
    /// The field.
    pub field: String,
    /// The fields that are there, at most twelve.
    pub there: Vec<String>,
    /// The nearest of them.
    pub similar: Option<String>,
}

impl fmt::Display for EvalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use EvalFaultKind as Kind;
        match &self.kind {
            Kind::UnknownName { name, .. } => write!(f, "nothing is named `{name}` here"),
            Kind::MissingField(missing) if missing.parent.is_empty() => {
                write!(f, "there is no field `{}`", missing.field)
            }
            Kind::MissingField(missing) => {
                write!(f, "`{}` has no field `{}`", missing.parent, missing.field)
            }
            Kind::MissingItem { parent, length } => {
                let plural = if *length == 1 { "" } else { "s" };
                let parent = if parent.is_empty() { "the list" } else { parent };
                write!(f, "`{parent}` has only {length} item{plural}")
            }
            Kind::NoContainer { parent, kind, field } => {
                let parent = if parent.is_empty() { "it" } else { parent };
                write!(f, "`{parent}` is {kind} and has no `{field}`")
            }
            Kind::WrongOperands { operator, left: Some(left), right } => {
                write!(f, "`{operator}` cannot stand between {left} and {right}")
            }
            Kind::WrongOperands { operator, left: None, right } => {
                write!(f, "`{operator}` cannot stand before {right}")
            }
            Kind::CannotTake { role, name, given, wants: "" } => {
                write!(f, "the {role} `{name}` cannot take {given} as it is here")
            }
            Kind::CannotTake { role, name, given, wants } => {
                write!(f, "the {role} `{name}` wants {wants} and was given {given}")
            }
            Kind::Arithmetic => f.write_str("the result is not a number"),
            Kind::TooMuch => f.write_str("the expression would take too long or too much memory"),
            Kind::NoElse => f.write_str("the condition does not hold and there is no `else`"),
            Kind::OmitInText => f.write_str("`omit` came out inside a text"),
            Kind::File { message } => write!(f, "the file cannot be read: {message}"),
            Kind::NotText => f.write_str("the bytes are not UTF-8 text"),
        }
    }
}

impl Fault for EvalFault {
    fn code(&self) -> Code {
        match self.kind {
            EvalFaultKind::OmitInText => Code::OmitInText,
            EvalFaultKind::UnknownName { .. }
            | EvalFaultKind::MissingField(_)
            | EvalFaultKind::MissingItem { .. }
            | EvalFaultKind::NoContainer { .. }
            | EvalFaultKind::WrongOperands { .. }
            | EvalFaultKind::CannotTake { .. }
            | EvalFaultKind::Arithmetic
            | EvalFaultKind::TooMuch
            | EvalFaultKind::NoElse
            | EvalFaultKind::File { .. }
            | EvalFaultKind::NotText => Code::TemplateFailed,
        }
    }

    fn help(&self) -> Option<String> {
        use EvalFaultKind as Kind;
        match &self.kind {
            Kind::UnknownName { similar: Some(similar), .. } => {
                Some(format!("did you mean `{similar}`?"))
            }
            Kind::MissingField(missing) if !missing.there.is_empty() => {
                let names: Vec<_> = missing.there.iter().map(|name| format!("`{name}`")).collect();
                let there = format!("there are: {}", names.join(", "));
                Some(match &missing.similar {
                    Some(similar) => format!("did you mean `{similar}`? {there}"),
                    None => there,
                })
            }
            Kind::WrongOperands { operator: "+", .. } => {
                Some("to join texts, write `a ~ b`; to add, make both numbers: `a | int`".into())
            }
            Kind::WrongOperands { .. } => {
                Some("turn a text into a number with `| int` or `| float`".into())
            }
            Kind::NoElse => Some("write `a if c else b`; `else omit` leaves the value out".into()),
            Kind::OmitInText => Some("make the omitted value a whole scalar".into()),
            Kind::NotText => Some("encode it: `file('…') | base64`".into()),
            Kind::UnknownName { .. }
            | Kind::MissingField(_)
            | Kind::MissingItem { .. }
            | Kind::NoContainer { .. }
            | Kind::CannotTake { .. }
            | Kind::Arithmetic
            | Kind::TooMuch
            | Kind::File { .. } => None,
        }
    }
}
