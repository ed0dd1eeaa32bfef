//! One message with its frame, drawn by miette: everything that points at a text goes through here.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode,
    ThemeCharacters, ThemeStyles,
};

use super::frame::Frame;
use super::style::{Style, hang};

/// What a drawing is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Something is wrong.
    Error,
    /// Something is to be looked at.
    Warning,
    /// A second place that belongs to what was said above.
    Beside,
}

/// One message as miette sees it.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// How it is coloured and which symbol it bears.
    pub(crate) weight: Weight,
    /// The line above, if any: `error[plan::unknown-key]`.
    pub(crate) code: Option<String>,
    /// One line; wrapped.
    pub(crate) message: String,
    /// The lines to show.
    pub(crate) frame: Option<Frame>,
    /// Where the frame's own header names line and column.
    pub(crate) located: bool,
    /// What to do, a line each.
    pub(crate) help: Vec<String>,
}

impl Drawing {
    /// Draws it. Ends with a line break.
    pub(crate) fn render(self, style: &Style) -> String {
        let handler = GraphicalReportHandler::new_themed(theme(style))
            .with_width(style.columns())
            .with_urls(false)
            .with_wrap_lines(false)
            .without_cause_chain()
            .without_syntax_highlighting();
        let handler = if self.located { handler } else { handler.without_primary_span_start() };
        let mut out = String::new();
        // miette's own wrapping breaks inside values and puts spaces before what it moves.
        let laid = |text: &str, indent: usize| {
            let room = style.columns().saturating_sub(indent);
            text.lines().flat_map(|line| hang(line, room)).collect::<Vec<_>>().join("\n")
        };
        let laid = Self {
            message: laid(&self.message, 6),
            help: self.help.iter().map(|help| laid(help, 10)).collect(),
            ..self
        };
        // Writing to a String cannot fail, and the frame answers for each of its own labels.
        let _ = handler.render_report(&mut out, &laid);
        out.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.weight {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
            Weight::Beside => Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(self.help.join("\n")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.frame.as_ref().map(|frame| frame as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let frame = self.frame.as_ref()?;
        Some(Box::new(frame.labels().into_iter()))
    }
}

/// miette's own themes, with one colour a meaning: what is wrong is red, beside it is cyan.
fn theme(style: &Style) -> GraphicalTheme {
    let mut characters =
        if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    characters.advice = if style.unicode { "▸".to_owned() } else { ">".to_owned() };
    let mut styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    styles.highlights = vec![styles.error, styles.warning];
    GraphicalTheme { characters, styles }
}
