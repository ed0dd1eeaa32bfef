//! Reads fenced blocks out of a Markdown page, with the comments that stand before them.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part")]

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word behind the opening fence.
    pub(crate) language: String,
    /// What stands between the fences, each line with its line break.
    pub(crate) text: String,
    /// The comments directly before it: `<!-- exit: 1 -->` is `("exit", "1")`.
    pub(crate) marks: Vec<(String, String)>,
    /// The line of the opening fence, counted from 1.
    pub(crate) line: usize,
}

impl Block {
    /// What a comment says, if it is there.
    pub(crate) fn mark(&self, name: &str) -> Option<&str> {
        self.marks.iter().find(|mark| mark.0 == name).map(|mark| mark.1.as_str())
    }
}

/// The blocks of a page, in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut marks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        if let Some(block) = &mut open {
            if line == "```" {
                blocks.extend(open.take());
            } else {
                block.text.push_str(line);
                block.text.push('\n');
            }
        } else if let Some(language) = line.strip_prefix("```") {
            open = Some(Block {
                language: language.to_owned(),
                text: String::new(),
                marks: std::mem::take(&mut marks),
                line: index + 1,
            });
        } else if let Some(comment) =
            line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"))
        {
            let (name, value) = comment.split_once(": ").unwrap_or((comment, ""));
            marks.push((name.to_owned(), value.to_owned()));
        } else {
            marks.clear();
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}
