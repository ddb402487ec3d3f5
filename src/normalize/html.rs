//! Html to text: every word a client would show, in order, with its blocks as lines.
//!
//! Works on tokens ([`super::markup`]) without a tree, so that it is linear in time and constant in depth
//! whatever is nested in what; only where a drawing or a formula holds what a tree is needed to understand, one is
//! asked ([`mod@super::sanitize`], with its bounds). `style`, `script` and `title` are dropped; links keep their target
//! (`text <url>`), images their alternative text; quoted blocks of known clients are marked, so
//! that `quote` can fold them.
//!
//! # Failure
//! None: broken html gives its words, as in a browser.

use super::lacking::lacks_letters;
use super::markup::{self, Content, Name, Tag};
use super::sanitize;
use super::span::Span;
use std::ops::Range;

/// Open elements that are remembered (for quotes and lists); deeper ones are read as inline.
const OPEN_MAX: usize = 1_000;

/// Text of a html document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Converted {
    pub(super) text: String,
    /// Ranges of `text` that the html marks as quoted.
    pub(super) quotes: Vec<Range<usize>>,
}

/// Converts.
pub(super) fn to_text(html: &str) -> Converted {
    let (converted, is_uncertain) = by_tokens(html);
    // Whether a style in a drawing is one, or an element like any other, is decided by all that is open around it.
    if is_uncertain
        && let Some(shown) = sanitize::by_tree(html)
        && lacks_letters(&converted.text, &shown)
    {
        return by_tokens(&shown).0;
    }
    converted
}

/// The text, and whether only a tree tells that nothing of it is missing.
fn by_tokens(html: &str) -> (Converted, bool) {
    let mut state = State { out: String::with_capacity(html.len() / 4), ..State::default() };
    markup::tokens(html, &mut state);
    let is_uncertain = state.uncertain || state.drawing && html.contains("<![CDATA[");
    (state.finish(), is_uncertain)
}

/// What is done around an element's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Block,
    Paragraph,
    Pre,
    Item,
    List { ordered: bool },
    Quote,
}

#[derive(Default)]
struct State {
    out: String,
    /// Line breaks owed before the next word: 0, 1 or 2.
    breaks: u8,
    /// A blank is owed before the next word.
    blank: bool,
    /// Tabs owed between the cells of a row.
    cell: bool,
    /// Inside a script, style or title, until its end tag.
    dropped: Option<&'static str>,
    /// Open `svg` and `math` elements: in them `style` is an element like any other, and an element of html ends them.
    foreign: u32,
    /// There was an `svg` or `math`.
    drawing: bool,
    /// Behind one came what is a text or an element depending on where it stands.
    uncertain: bool,
    pre: u32,
    open: Vec<(Name, Open, usize)>,
    counters: Vec<u32>,
    link: Option<(String, usize)>,
    quotes: Vec<Range<usize>>,
    /// From here on everything is quoted (Outlook marks only the beginning).
    rest_quoted: Option<usize>,
}

fn block(name: &str) -> Option<Open> {
    Some(match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dl" | "figure" => Open::Paragraph,
        "div" | "table" | "tr" | "tbody" | "thead" | "tfoot" | "section" | "article" | "header" | "footer" | "nav" | "main"
        | "aside" | "center" | "form" | "fieldset" | "address" | "dt" | "dd" | "caption" | "body" | "html" | "details"
        | "summary" | "title-bar" | "option" | "legend" | "figcaption" | "marquee" => Open::Block,
        "pre" | "listing" | "xmp" | "plaintext" => Open::Pre,
        "li" => Open::Item,
        "ul" | "menu" | "dir" => Open::List { ordered: false },
        "ol" => Open::List { ordered: true },
        "blockquote" => Open::Quote,
        _ => return None,
    })
}

/// Elements whose content is not shown.
fn dropped(name: &str) -> Option<&'static str> {
    ["script", "style", "title"].into_iter().find(|d| *d == name)
}

/// Parts of a table: in the title of a drawing in a cell they end the cell, and the drawing with it (HTML 13.2.6.4.15).
fn ends_cell(name: &str) -> bool {
    matches!(name, "caption" | "col" | "colgroup" | "table" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr")
}

/// Elements of html that end a drawing or a formula they stand in (HTML 13.2.6.5).
fn breaks_out(name: &str) -> bool {
    matches!(
        name,
        "b" | "big"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "code"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "em"
            | "embed"
            | "font"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "hr"
            | "i"
            | "img"
            | "li"
            | "listing"
            | "menu"
            | "meta"
            | "nobr"
            | "ol"
            | "p"
            | "pre"
            | "ruby"
            | "s"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "table"
            | "tt"
            | "u"
            | "ul"
            | "var"
    )
}

/// The marks of clients around what they quote.
fn quotes_below(tag: &Tag<'_>) -> bool {
    let class = tag.attribute("class").unwrap_or_default();
    let id = tag.attribute("id").unwrap_or_default();
    class.split_ascii_whitespace().any(|c| {
        matches!(
            c,
            "gmail_quote"
                | "gmail_quote_container"
                | "gmail_extra"
                | "yahoo_quoted"
                | "protonmail_quote"
                | "zmail_extra"
                | "moz-cite-prefix"
                | "tutanota_quote"
                | "quote-container"
        )
    }) || id.starts_with("yahoo_quoted")
        || matches!(
            &*id,
            "OLK_SRC_BODY_SECTION" | "mail-editor-reference-message-container" | "replySplit" | "divtagdefaultwrapper-quote"
        )
}

/// A blockquote of a program that quotes; people indent their own words with a bare one.
fn is_cited(tag: &Tag<'_>) -> bool {
    let style = tag.attribute("style").unwrap_or_default().to_ascii_lowercase();
    let bordered = style.contains("border") && !style.replace(' ', "").contains("border:none");
    bordered || ["type", "cite", "class", "id"].iter().any(|name| tag.attribute(name).is_some())
}

/// The marks of clients before what they quote, which ends with the mail.
fn quotes_after(tag: &Tag<'_>) -> bool {
    let id = tag.attribute("id").unwrap_or_default();
    if matches!(&*id, "appendonsend" | "divRplyFwdMsg" | "stopSpelling" | "x_divRplyFwdMsg" | "x_appendonsend") {
        return true;
    }
    // Outlook: a div with nothing but a line above it.
    tag.attribute("style").filter(|s| s.contains("border-top") || s.contains("BORDER-TOP")).is_some_and(|s| {
        let s: String = s.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        (s.contains("border-top:solid#b5c4df1.0pt") || s.contains("border-top:solid#e1e1e11.0pt")) && s.contains("padding:3.0pt")
    })
}

impl markup::Sink for State {
    fn start(&mut self, tag: &Tag<'_>) -> Content {
        let name: &str = tag.name.as_str();
        self.drawing |= matches!(name, "svg" | "math");
        self.uncertain |= self.drawing && matches!(name, "script" | "style" | "title" | "textarea");
        if self.foreign > 0 && (breaks_out(name) || self.dropped == Some("title") && ends_cell(name)) {
            self.foreign = 0;
            self.dropped = None;
        }
        if self.dropped.is_some() {
            return Content::Markup;
        }
        match name {
            "svg" | "math" if !tag.self_closing => self.foreign += 1,
            "script" | "style" | "title" | "textarea" if self.foreign > 0 => {
                self.dropped = dropped(name).filter(|_| !tag.self_closing);
            }
            "script" | "style" | "title" if !tag.self_closing || name != "title" => {
                self.dropped = dropped(name);
                return match name {
                    "script" => Content::Script,
                    "style" => Content::Raw,
                    _ => Content::Text,
                };
            }
            "textarea" => return Content::Text,
            "br" => self.line_break(),
            "hr" => {
                self.breaks = self.breaks.max(1);
                self.word("---");
                self.breaks = self.breaks.max(1);
            }
            "img" => {
                if let Some(alt) = tag.attribute("alt").filter(|a| !a.trim().is_empty() && !is_file_name(a.trim())) {
                    let alt = format!("[{}]", alt.split_whitespace().collect::<Vec<_>>().join(" "));
                    self.word(&alt);
                }
            }
            "td" | "th" => self.cell = true,
            "a" => {
                self.close_link();
                if let Some(href) = tag.attribute("href") {
                    self.link = Some((href.trim().to_owned(), self.out.len()));
                }
            }
            "input" => {
                if let Some(value) =
                    tag.attribute("value").filter(|_| tag.attribute("type").is_some_and(|t| matches!(&*t, "submit" | "button")))
                {
                    let value = format!("[{}]", value.trim());
                    self.word(&value);
                }
            }
            _ => {}
        }
        if self.rest_quoted.is_none() && matches!(name, "div" | "span" | "hr" | "a" | "td") && quotes_after(tag) {
            self.rest_quoted = Some(self.out.len());
        }
        let kind = match block(name) {
            Some(Open::Quote) if !is_cited(tag) => Some(Open::Paragraph),
            Some(_) | None if matches!(name, "div" | "span" | "table") && quotes_below(tag) => Some(Open::Quote),
            other => other,
        };
        let Some(kind) = kind else { return Content::Markup };
        self.breaks = self.breaks.max(match kind {
            Open::Paragraph | Open::Quote => 2,
            Open::List { .. } if self.counters.is_empty() => 2,
            _ => 1,
        });
        self.cell = false;
        match kind {
            Open::Pre => self.pre += 1,
            Open::List { .. } => self.counters.push(0),
            Open::Item => self.item(),
            _ => {}
        }
        if self.open.len() < OPEN_MAX {
            self.open.push((tag.name, kind, self.out.len()));
        } else if kind == Open::Pre {
            self.pre -= 1;
        }
        Content::Markup
    }

    fn end(&mut self, element: Name) {
        let name: &str = element.as_str();
        if self.foreign > 0 && matches!(name, "svg" | "math" | "p" | "br") {
            self.foreign = if matches!(name, "svg" | "math") { self.foreign - 1 } else { 0 };
            self.dropped = None;
        } else if self.foreign > 0 && self.dropped.is_some_and(|d| if d == "title" { ends_cell(name) } else { d != name }) {
            // The end of what stands around a style that was left open; a title's end is hidden from all but cells.
            self.dropped = None;
            if name == "a" || breaks_out(name) || ends_cell(name) {
                self.foreign = 0;
            }
        }
        if let Some(dropped) = self.dropped {
            if dropped == name {
                self.dropped = None;
            }
            return;
        }
        match name {
            "a" => self.close_link(),
            "td" | "th" => self.cell = true,
            "p" if !self.open.iter().rev().take(64).any(|o| o.0 == element) => self.breaks = self.breaks.max(2),
            _ => {}
        }
        // The nearest open element of this name; what was left open inside it is closed with it.
        let Some(at) = self.open.iter().rev().take(64).position(|o| o.0 == element).map(|i| self.open.len() - 1 - i) else {
            return;
        };
        // A stray end tag must not close a quote around it.
        let inner_quote = self.open.iter().skip(at + 1).any(|o| o.1 == Open::Quote);
        if inner_quote && !matches!(name, "blockquote" | "body" | "html" | "table" | "div") {
            return;
        }
        while self.open.len() > at {
            self.close_innermost();
        }
    }

    fn is_foreign(&self) -> bool {
        self.foreign > 0
    }

    fn text(&mut self, text: &str) {
        if self.dropped.is_some() {
            return;
        }
        if self.pre > 0 {
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    self.line_break();
                }
                let line = line.trim_end_matches('\r');
                if !line.is_empty() {
                    self.word(line);
                }
            }
            return;
        }
        let mut at = 0;
        while at < text.len() {
            let blank = blank_at(text.as_bytes(), at);
            if blank > 0 {
                self.blank = true;
                at += blank;
                continue;
            }
            let end = end_of_word(text.as_bytes(), at);
            self.word(text.span(at, end));
            at = end;
        }
    }
}

impl State {
    fn close_innermost(&mut self) {
        let Some((_, kind, start)) = self.open.pop() else { return };
        self.breaks = self.breaks.max(match kind {
            Open::Paragraph | Open::Quote => 2,
            Open::List { .. } if self.counters.len() <= 1 => 2,
            _ => 1,
        });
        self.cell = false;
        match kind {
            Open::Pre => self.pre = self.pre.saturating_sub(1),
            Open::List { .. } => {
                self.counters.pop();
            }
            Open::Quote if self.out.len() > start => self.quotes.push(start..self.out.len()),
            _ => {}
        }
    }

    fn item(&mut self) {
        let ordered = self.open.iter().rev().take(64).find_map(|o| match o.1 {
            Open::List { ordered } => Some(ordered),
            _ => None,
        });
        let depth = self.counters.len().min(8);
        let mark = match (ordered, self.counters.last_mut()) {
            (Some(true), Some(n)) => {
                *n += 1;
                format!("{n}. ")
            }
            _ => "- ".to_owned(),
        };
        self.settle();
        for _ in 1..depth {
            self.out.push_str("  ");
        }
        self.out.push_str(&mark);
        self.blank = false;
    }

    fn line_break(&mut self) {
        self.settle_blocks();
        self.out.push('\n');
        self.blank = false;
        self.cell = false;
    }

    /// Writes the line breaks that are owed.
    fn settle_blocks(&mut self) {
        if self.breaks == 0 {
            return;
        }
        while self.out.ends_with([' ', '\t']) {
            self.out.pop();
        }
        if !self.out.is_empty() {
            let have = self.out.bytes().rev().take_while(|b| *b == b'\n').count();
            for _ in have..usize::from(self.breaks) {
                self.out.push('\n');
            }
        }
        self.breaks = 0;
        self.blank = false;
        self.cell = false;
    }

    fn settle(&mut self) {
        self.settle_blocks();
        let at_start = self.out.is_empty() || self.out.ends_with('\n');
        if self.cell && !at_start {
            self.out.push('\t');
        } else if self.blank && !at_start && !self.out.ends_with([' ', '\t']) {
            self.out.push(' ');
        }
        self.cell = false;
        self.blank = false;
    }

    fn word(&mut self, word: &str) {
        self.settle();
        self.out.push_str(word);
    }

    /// `text <url>`, where the text does not already say where it leads.
    fn close_link(&mut self) {
        let Some((href, start)) = self.link.take() else { return };
        let shown = self.out.get(start..).unwrap_or_default().trim();
        let lower = href.get(..8).unwrap_or(&href).to_ascii_lowercase();
        let target = href.trim_start_matches("mailto:").trim_start_matches("http://").trim_start_matches("https://");
        let target = target.trim_end_matches('/');
        let useful = lower.starts_with("http:") || lower.starts_with("https:") || lower.starts_with("mailto:");
        if !useful || target.is_empty() || shown.is_empty() || shown.contains(target) || href.len() > 2048 {
            return;
        }
        let href = href.strip_prefix("mailto:").unwrap_or(&href).replace(char::is_whitespace, "");
        self.blank = false;
        self.out.push_str(" <");
        self.out.push_str(&href);
        self.out.push('>');
    }

    fn finish(mut self) -> Converted {
        self.close_link();
        while !self.open.is_empty() {
            self.close_innermost();
        }
        let end = self.out.trim_end().len();
        if let Some(start) = self.rest_quoted.filter(|s| *s < end) {
            self.quotes.push(start..end);
        }
        self.out.truncate(end);
        let mut quotes: Vec<Range<usize>> =
            self.quotes.into_iter().map(|r| r.start.min(end)..r.end.min(end)).filter(|r| !r.is_empty()).collect();
        quotes.sort_by_key(|r| (r.start, std::cmp::Reverse(r.end)));
        // Outermost only: a quote in a quote is folded with it.
        let mut outer: Vec<Range<usize>> = Vec::new();
        for quote in quotes {
            if outer.last().is_none_or(|o| quote.start >= o.end) {
                outer.push(quote);
            }
        }
        Converted { text: self.out, quotes: outer }
    }
}

/// Bytes of the blank at `at`: a space, a line end, or a letter that shows as one or not at all; 0 where none is.
fn blank_at(bytes: &[u8], at: usize) -> usize {
    match bytes.after(at) {
        [b' ' | b'\t' | b'\r' | b'\n' | b'\x0c', ..] => 1,
        [0xc2, 0xa0, ..] => 2,       // no-break space
        [0xef, 0xbb, 0xbf, ..] => 3, // byte order mark
        _ => 0,
    }
}

fn end_of_word(bytes: &[u8], mut at: usize) -> usize {
    let may_be_blank = |b: &u8| *b <= b' ' || matches!(b, 0xc2 | 0xef);
    loop {
        at += bytes.after(at).iter().take_while(|b| !may_be_blank(b)).count();
        if at >= bytes.len() || blank_at(bytes, at) > 0 {
            return at;
        }
        at += 1;
    }
}

fn is_file_name(alt: &str) -> bool {
    let lower = alt.to_ascii_lowercase();
    [".png", ".jpg", ".jpeg", ".gif", ".bmp", ".svg", ".webp"].iter().any(|e| lower.ends_with(e)) && !alt.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        to_text(html).text
    }

    #[test]
    fn a_style_in_a_formula_hides_no_words() {
        for html in [
            "<math><style><p>words",
            "<svg><title>drawing</title><style>x{}</style></svg>words",
            "<svg><![CDATA[words]]></svg>",
            "<div><svg><style>x{}</div>words",
            "<a><svg><style>x{}</a>words",
        ] {
            assert_eq!(to_text(html).text, "words", "{html}");
        }
    }

    #[test]
    fn what_only_a_tree_tells_is_shown_too() {
        // In `mi` a style is one of html again: a text up to its end.
        let html = "<table><math><mi><style><!--</style><table>words";
        assert_eq!(text(html), "words");
        // Where nothing is missing, what clients mark stays marked.
        let html = "<svg><title>logo</title></svg><p>mine</p><div class=gmail_quote>theirs</div>";
        assert_eq!(to_text(html).quotes.len(), 1);
    }

    #[test]
    fn a_drawing_left_open_in_a_cell_ends_with_the_cell() {
        for part in ["<tbody>", "<td>", "</td>", "</table>"] {
            let html = format!("<table><tr><td><svg><title>drawing{part}words</table>");
            assert_eq!(to_text(&html).text, "words", "{part}");
        }
        assert_eq!(to_text("<svg><title>drawing</span>hidden</title></svg>words").text, "words");
    }

    #[test]
    fn blocks_are_lines_and_blanks_collapse() {
        assert_eq!(text("<p>One\n  two</p><p>three</p>"), "One two\n\nthree");
        assert_eq!(text("a<br>b<br><br>c"), "a\nb\n\nc");
        assert_eq!(text("<div>a</div><div>b <b>bold</b>ly</div>"), "a\nb boldly");
        assert_eq!(text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"), "a\tb\nc");
        assert_eq!(text("<ul><li>a</li><li>b</li></ul><ol><li>c<li>d</ol>"), "- a\n- b\n\n1. c\n2. d");
        assert_eq!(text("<pre>a\n  b</pre>"), "a\n  b");
    }

    #[test]
    fn words_are_never_lost() {
        assert_eq!(text("no tags at all &amp; &eacute;"), "no tags at all & é");
        assert_eq!(text("<head><title>t</title><style>s{}</style>left open<body>words"), "left open\nwords");
        assert_eq!(text("a<script>var x = '<p>';</script>b"), "ab");
        assert_eq!(text("<p>a<p>b</div></p>c"), "a\n\nb\n\nc");
        assert_eq!(text("1 < 2 and <notatag>x"), "1 < 2 and x");
    }

    #[test]
    fn links_keep_their_target() {
        assert_eq!(text("<a href='https://example.com/x'>here</a>."), "here <https://example.com/x>.");
        assert_eq!(text("<a href='https://example.com/'>example.com</a>"), "example.com");
        assert_eq!(text("<a href='mailto:a@b.example'>a@b.example</a>"), "a@b.example");
        assert_eq!(text("<a href='javascript:x()'>y</a>"), "y");
    }

    #[test]
    fn marked_quotes_are_ranges() {
        let c = to_text("<p>new</p><blockquote type=cite><p>old</p><blockquote>older</blockquote></blockquote><p>end</p>");
        assert_eq!(c.quotes.len(), 1);
        assert_eq!(c.text.get(c.quotes[0].clone()).unwrap().trim(), "old\n\nolder");
        let c = to_text("answer<div id=divRplyFwdMsg>From: x</div><p>old</p>");
        assert_eq!(c.text.get(c.quotes[0].clone()).unwrap().trim(), "From: x\n\nold");
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = "<div><b>".repeat(100_000) + "x";
        assert_eq!(text(&deep), "x");
    }
}
