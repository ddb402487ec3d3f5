//! Html that is safe to show: an allow-list of elements and attributes, nothing loaded from elsewhere.
//!
//! # Failure
//! None. Html of which a tree would cost more than linear time ([`tree_cost`]) comes back as its text in a `pre`.
//!
//! # Trust
//! None in the input. The output has no script, style, form or frame, and refers to nothing that
//! is loaded without a click: images only by `cid:` (the mail's own parts) or `data:`.

use super::tree_cost;
use ammonia::{Builder, UrlRelative};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Bytes of safe html for each byte that came, and besides: more is a tree that grew beyond its estimate.
const GROWTH_FACTOR: usize = 16;
const GROWTH_BYTES: usize = 4096;

/// Elements that may stay.
pub const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Attributes that may stay on any element.
pub const GENERIC_ATTRIBUTES: &[&str] = &["align", "dir", "lang", "title", "valign"];

const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href"]),
    ("img", &["src", "alt", "width", "height"]),
    ("table", &["border", "cellpadding", "cellspacing", "width", "bgcolor"]),
    ("td", &["colspan", "rowspan", "width", "bgcolor", "nowrap"]),
    ("th", &["colspan", "rowspan", "width", "bgcolor", "nowrap"]),
    ("tr", &["bgcolor"]),
    ("font", &["color", "face", "size"]),
    ("ol", &["start", "type"]),
    ("blockquote", &["type"]),
    ("col", &["span", "width"]),
    ("time", &["datetime"]),
];

static BUILDER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let attributes: HashMap<&str, HashSet<&str>> =
        ATTRIBUTES.iter().map(|(element, names)| (*element, names.iter().copied().collect())).collect();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .clean_content_tags(HashSet::from(["script", "style", "title", "template", "noembed", "noframes"]))
        .generic_attributes(GENERIC_ATTRIBUTES.iter().copied().collect())
        .tag_attributes(attributes)
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid", "data"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .strip_comments(true)
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("img", "src") => is_own_image(value).then_some(Cow::Borrowed(value)),
            (_, "href") => is_link(value).then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        });
    builder
});

/// Whether an attribute may stay on an element.
pub(super) fn is_allowed_attribute(element: &str, attribute: &str) -> bool {
    GENERIC_ATTRIBUTES.contains(&attribute) || ATTRIBUTES.iter().any(|(of, names)| *of == element && names.contains(&attribute))
}

fn has_scheme(value: &str, scheme: &str) -> bool {
    value.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme))
}

fn is_own_image(value: &str) -> bool {
    let value = value.trim();
    has_scheme(value, "cid:")
        || ["png", "jpeg", "jpg", "gif", "webp"].iter().any(|t| has_scheme(value, &format!("data:image/{t};base64,")))
}

fn is_link(value: &str) -> bool {
    let value = value.trim();
    ["http:", "https:", "mailto:", "tel:"].iter().any(|s| has_scheme(value, s))
}

/// Makes html safe to show.
#[must_use]
pub fn sanitize(html: &str) -> String {
    by_tree(html).unwrap_or_else(|| {
        let text = super::html::to_text(html).text;
        format!("<pre>{}</pre>", ammonia::clean_text(&text))
    })
}

/// Html made safe as a browser's tree has it. `None` where that would cost too much.
pub(super) fn by_tree(html: &str) -> Option<String> {
    if !tree_cost::is_bearable(html) {
        return None;
    }
    let safe = BUILDER.clean(html).to_string();
    (safe.len() <= GROWTH_FACTOR * html.len() + GROWTH_BYTES).then_some(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = "<img src='https://t.example/p.gif'><img src=cid:a@b><img src='data:image/svg+xml;base64,x'>\
            <div style='background:url(https://t.example/x)'>t</div><table background='https://t.example/b'><tr><td>x</td></tr></table>\
            <link rel=stylesheet href='https://t.example/s.css'><iframe src='https://t.example'></iframe>";
        let out = sanitize(html);
        assert!(!out.contains("t.example") && !out.contains("svg"), "{out}");
        assert!(out.contains("src=\"cid:a@b\""), "{out}");
    }

    #[test]
    fn scripts_and_handlers_go_and_words_stay() {
        let out =
            sanitize("<p onclick='x()'>Hi <a href='javascript:x()'>there</a></p><script>bad()</script><form><b>q</b></form>");
        assert_eq!(out, "<p>Hi <a rel=\"noopener noreferrer nofollow\">there</a></p><b>q</b>");
    }

    #[test]
    fn a_bomb_becomes_text() {
        let out = sanitize(&("<b>".repeat(5_000) + "x"));
        assert_eq!(out, "<pre>x</pre>");
    }

    #[test]
    fn nothing_covers_hides_or_leads_astray() {
        for html in [
            "<div style='position:fixed;top:0'>w</div>",
            "<p style='display:none'>w</p>",
            "<p hidden>w</p>",
            "<style>@import url(https://t.example/x);p{display:none}</style><p>w</p>",
            "<base href='https://t.example/'><a href='x'>w</a>",
            "<meta http-equiv=refresh content='0;url=https://t.example'><p>w</p>",
            "<svg><image href='https://t.example/x'/></svg><p>w</p>",
            "<math><maction actiontype='statusline#https://t.example'>m</maction></math><p>w</p>",
            "<img srcset='https://t.example/x 2x' src='cid:a'><p>w</p>",
            "<body background='https://t.example/x'><p>w</p></body>",
            "<a href='x' ping='https://t.example'>w</a>",
            "<form action='https://t.example'><button formaction='https://t.example'>w</button></form>",
            "<p id='x' class='y' name='z' contenteditable>w</p>",
        ] {
            let out = sanitize(html);
            assert!(out.contains('w'), "{html}: {out}");
            for bad in ["t.example", "style", "hidden", "<base", "<meta", "<svg", "<math", "<form", "<button", "id=", "class="] {
                assert!(!out.contains(bad), "{html}: {out}");
            }
        }
    }
}
