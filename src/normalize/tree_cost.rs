//! What a tree of html would cost a library that builds one, estimated without a tree.
//!
//! Parsing html as browsers do is linear for what people write and not for what they could: an element that formats
//! (`font`, `b`) and is left open is made anew in every block below it; what stands loose in a table is moved before
//! it, and each move looks through all that was moved before; end tags in the wrong order move what is between them.
//! And html5ever 0.40 writes a text in time that grows with the square of the `&` and no-break spaces in it. Each of
//! these turns a mail of 64 KiB into seconds, one of a megabyte into an hour.
//!
//! # Failure
//! None. The estimate is rough and errs on the side of costly for html that nobody writes. Linear time.

use super::span::Span;

/// Elements open within each other.
const DEPTH_MAX: usize = 500;
/// Tags of one document.
const TAGS_MAX: usize = 200_000;
/// Bytes of formatting tags made anew, for each byte of html and besides.
const REMADE_FACTOR: usize = 4;
const REMADE_BYTES: usize = 256 << 10;
/// Steps over siblings: moves times tags.
const MOVES_MAX: u64 = 200_000_000;
/// Bytes looked at while texts are written: special characters times the length of their text.
const SCANNED_MAX: u64 = 1 << 28;

/// What an element does to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Has no content.
    Void,
    /// Is made anew where it was left open.
    Formatting,
    /// Ends a paragraph.
    Block,
    /// In a table, but not in a cell.
    Table,
    /// What was left open in a cell stays there.
    Cell,
    Other,
}

fn kind(name: &[u8]) -> Kind {
    match name {
        b"br" | b"img" | b"hr" | b"meta" | b"link" | b"input" | b"col" | b"wbr" | b"area" | b"base" | b"embed" => Kind::Void,
        b"a" | b"b" | b"big" | b"code" | b"em" | b"font" | b"i" | b"nobr" | b"s" | b"small" | b"strike" | b"strong" | b"tt"
        | b"u" => Kind::Formatting,
        b"table" | b"tbody" | b"thead" | b"tfoot" | b"tr" => Kind::Table,
        b"td" | b"th" | b"caption" => Kind::Cell,
        b"p" | b"div" | b"li" | b"ul" | b"ol" | b"dl" | b"dt" | b"dd" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6"
        | b"blockquote" | b"center" | b"pre" | b"address" | b"section" | b"article" | b"header" | b"footer" | b"form" => {
            Kind::Block
        }
        _ => Kind::Other,
    }
}

/// The longest name that is told from others.
const NAME_MAX: usize = 12;

/// An open element: its name, and how long its tag is.
#[derive(Clone, Copy)]
struct Open {
    name: [u8; NAME_MAX],
    kind: Kind,
    length: usize,
}

impl Open {
    fn is(&self, name: &[u8]) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
    }

    /// What most end tags do not reach through.
    fn is_special(&self) -> bool {
        matches!(self.kind, Kind::Block | Kind::Table | Kind::Cell)
    }

    /// An item ends the item before it.
    fn is_item(&self) -> bool {
        self.is(b"li") || self.is(b"dt") || self.is(b"dd")
    }

    /// What may stand in an item that another item ends.
    fn holds_items(&self) -> bool {
        self.is(b"div") || self.is(b"p") || self.is(b"address")
    }
}

#[derive(Default)]
struct Cost {
    open: Vec<Open>,
    /// Formatting elements that a block around them has closed: made anew before the next words.
    owed: Vec<Open>,
    tags: usize,
    remade: usize,
    moves: u64,
}

/// Whether a tree of this html costs about as much as the html is long.
pub(super) fn is_bearable(html: &str) -> bool {
    let bytes = html.as_bytes();
    if !texts_are_bearable(bytes) {
        return false;
    }
    let mut cost = Cost::default();
    let mut text_from = 0;
    for at in memchr::memchr_iter(b'<', bytes) {
        if bytes.span(text_from, at).iter().any(|b| !b.is_ascii_whitespace()) {
            cost.words();
        }
        let tag = bytes.after(at + 1);
        let (closing, rest) = tag.strip_prefix(b"/").map_or((false, tag), |r| (true, r));
        if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
            text_from = at + 1;
            continue;
        }
        let mut name = [0; NAME_MAX];
        let mut letters = 0;
        for (to, from) in name.iter_mut().zip(rest.iter().take_while(|b| b.is_ascii_alphanumeric())) {
            *to = from.to_ascii_lowercase();
            letters += 1;
        }
        let length = memchr::memchr2(b'>', b'<', tag).map_or(tag.len(), |i| i + 1);
        text_from = at + 1 + length;
        cost.tags += 1;
        let kind = kind(name.as_slice().before(letters));
        if closing {
            cost.end(name, kind);
        } else {
            cost.start(Open { name, kind, length });
        }
        let is_costly = cost.open.len() > DEPTH_MAX
            || cost.tags > TAGS_MAX
            || cost.remade > REMADE_FACTOR * html.len() + REMADE_BYTES
            || cost.moves * cost.tags as u64 > MOVES_MAX;
        if is_costly {
            return false;
        }
    }
    true
}

/// A run of text ends at a start tag that is always an element of its own; end tags and others may be nothing.
fn texts_are_bearable(bytes: &[u8]) -> bool {
    let (mut scanned, mut special, mut from) = (0u64, 0u64, 0);
    for at in memchr::memchr3_iter(b'&', 0xc2, b'<', bytes) {
        if bytes.get(at) != Some(&b'<') {
            special += 1;
            // An attribute is a text too; counting as if all were one is right for both.
            if special * (at - from) as u64 > SCANNED_MAX {
                return false;
            }
            continue;
        }
        let tag = bytes.after(at + 1).before(4).to_ascii_lowercase();
        let parts = [
            &b"p>"[..],
            b"p ",
            b"br>",
            b"br ",
            b"br/",
            b"div>",
            b"div ",
            b"a ",
            b"b>",
            b"i>",
            b"img ",
            b"span",
            b"font",
            b"li>",
            b"hr>",
            b"tabl",
            b"td>",
            b"td ",
        ];
        if parts.iter().any(|p| tag.starts_with(p)) {
            scanned += special * (at - from) as u64;
            special = 0;
            from = at;
        }
    }
    scanned + special * (bytes.len() - from) as u64 <= SCANNED_MAX
}

impl Cost {
    /// Words make anew what is owed, and move if they stand loose in a table.
    fn words(&mut self) {
        self.remade += self.owed.iter().map(|o| o.length).sum::<usize>();
        self.open.append(&mut self.owed);
        self.moves += u64::from(self.is_loose());
    }

    fn is_loose(&self) -> bool {
        let inner = self.open.iter().rev().find(|o| matches!(o.kind, Kind::Table | Kind::Cell));
        inner.is_some_and(|o| o.kind == Kind::Table)
    }

    fn start(&mut self, element: Open) {
        if !matches!(element.kind, Kind::Table | Kind::Cell) {
            self.moves += u64::from(self.is_loose());
        }
        match element.kind {
            Kind::Void => return,
            Kind::Other => {}
            Kind::Formatting => self.words(),
            Kind::Block => {
                if element.is_item() {
                    let above = self.open.iter().rev().take_while(|o| !o.is_special() || o.is_item() || o.holds_items());
                    let like = |o: &Open| o.name == element.name || (o.is(b"dt") || o.is(b"dd")) && !element.is(b"li");
                    if let Some(back) = above.clone().position(like) {
                        self.close(self.open.len() - 1 - back, false);
                    }
                }
                // A paragraph ends where a block begins.
                if let Some(at) = self.in_scope(|o| o.is(b"p")) {
                    self.close(at, false);
                }
            }
            Kind::Table | Kind::Cell if element.is(b"table") => {}
            Kind::Table | Kind::Cell => {
                // Outside of a table it is nothing; in one it ends all that is no level above it.
                let Some(table) = self.open.iter().rposition(|o| o.is(b"table")) else { return };
                let level = |o: &Open| match o.kind {
                    Kind::Cell => 3,
                    Kind::Table if o.is(b"tr") => 2,
                    Kind::Table => 1,
                    _ => 4,
                };
                let keeps = self.open.iter().skip(table + 1).take_while(|o| level(o) < level(&element)).count();
                let forgets = self.open.iter().skip(table + 1 + keeps).any(|o| o.kind == Kind::Cell);
                self.close(table + 1 + keeps, forgets);
            }
        }
        self.open.push(element);
    }

    /// The innermost such element that no table or cell hides.
    fn in_scope(&self, is: impl Fn(&Open) -> bool) -> Option<usize> {
        let back = self.open.iter().rev().take_while(|o| !matches!(o.kind, Kind::Table | Kind::Cell)).position(is)?;
        Some(self.open.len() - 1 - back)
    }

    fn end(&mut self, name: [u8; NAME_MAX], kind: Kind) {
        if kind == Kind::Formatting
            && let Some(owed) = self.owed.iter().rposition(|o| o.name == name)
        {
            self.owed.remove(owed);
            return;
        }
        let at = match kind {
            Kind::Void => None,
            Kind::Table | Kind::Cell => self.open.iter().rposition(|o| o.name == name || o.is(b"table")),
            Kind::Block | Kind::Formatting => self.in_scope(|o| o.name == name),
            // It does not reach through a block.
            Kind::Other => {
                let back = self.open.iter().rev().take_while(|o| !o.is_special()).position(|o| o.name == name);
                back.map(|back| self.open.len() - 1 - back)
            }
        };
        let Some(at) = at.filter(|at| self.open.get(*at).is_some_and(|o| o.name == name)) else { return };
        if kind != Kind::Formatting {
            let forgets = self.open.iter().skip(at).any(|o| o.kind == Kind::Cell);
            self.close(at, forgets);
            return;
        }
        // In the wrong order: what is between is moved, and made anew.
        if at + 1 < self.open.len() {
            self.moves += 1;
            self.remade += self.open.iter().skip(at).map(|o| o.length).sum::<usize>();
        }
        self.open.remove(at);
    }

    /// Closes an element with all in it. Formatting is owed from then on, but not what was in a cell.
    fn close(&mut self, at: usize, forgets: bool) {
        let closed = self.open.split_off(at.min(self.open.len()));
        if !forgets {
            self.owed.extend(closed.into_iter().skip(1).filter(|o| o.kind == Kind::Formatting));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_bearable() {
        let row = "<tr><td style='x'><font face=Arial size=2><b>Name</b> &amp; &nbsp;</td><td><p>text<p>more</td></tr>\n";
        let table = format!("<html><body><table>{}</table></body></html>", row.repeat(10_000));
        assert!(is_bearable(&table));
        assert!(is_bearable(
            &"<ul><li>a<li><p>b<p>c</ul><dl><dt>d<dd>e<dt>f</dl><h1>g</h1><span><b>h</b></span>\n".repeat(1_000)
        ));
        let letter = format!("<div><font size=2><span>{}</span></font></div>", "<p>words of a letter &nbsp;<br>\n".repeat(5_000));
        assert!(is_bearable(&letter));
        assert!(is_bearable(&"<div>a</div><p>é and « words » &amp; more\n".repeat(10_000)));
        assert!(is_bearable(""));
    }

    #[test]
    fn what_only_an_attacker_writes_is_not() {
        let many = |start: &str, piece: &str| format!("{start}{}", piece.repeat((256 << 10) / piece.len()));
        for (what, html) in [
            ("depth", many("", "<b>")),
            ("depth of lists", many("", "<ol><li>")),
            ("depth behind end tags of nothing", many("", "<div></x>")),
            ("depth behind end tags that do not reach", many("", "<span><div></span>")),
            ("depth of tables", many("", "<table><td></div>")),
            ("formatting left open", many("", "<font color=a><p>x")),
            ("formatting once, blocks for ever", many(&format!("<p>{}", "<font color=a><i>".repeat(200)), "<p>x")),
            ("loose in a table", many("<table>", "<b>x</b>")),
            ("ampersands", many("", "& ")),
            ("ampersands between tags that are nothing", many("", "&amp;</x>")),
            ("no-break spaces", many("<p>", "\u{a0}")),
            ("an attribute", format!("<p title='{}'>", many("", "&amp;"))),
        ] {
            assert!(!is_bearable(&html), "{what}");
        }
    }
}
