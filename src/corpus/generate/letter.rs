//! What somebody writes, and how it looks as plain text and as html.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::dice::Dice;
use super::draft::Mailbox;
use super::language::Language;
use super::program::{Program, Quote};
use super::truth::words;

/// A letter: paragraphs, and what it answers.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Paragraphs; each a list of lines.
    pub paragraphs: Vec<Vec<String>>,
    /// Lines behind `-- `.
    pub signature: Vec<String>,
    /// What it quotes.
    pub quote: Option<Quoted>,
}

/// A quoted letter.
#[derive(Debug, Clone)]
pub struct Quoted {
    /// Who wrote it.
    pub who: Mailbox,
    /// Its subject.
    pub subject: String,
    /// Its paragraphs.
    pub paragraphs: Vec<Vec<String>>,
    /// The line before it.
    pub attribution: String,
    /// Labels and values before it.
    pub block: Vec<(String, String)>,
}

impl Letter {
    /// A letter with a greeting, some sentences and an end.
    pub fn new(dice: &mut Dice, language: &Language, name: &str) -> Letter {
        Letter { paragraphs: paragraphs(dice, language, name), signature: Vec::new(), quote: None }
    }

    /// Answers a letter of `who`.
    pub fn answering(mut self, dice: &mut Dice, l: &Language, who: Mailbox, to: &Mailbox, subject: &str) -> Letter {
        let (d, y) = (dice.within(10, 28).to_string(), "2026");
        let hm = format!("{:02}:{:02}", dice.within(10, 23), dice.below(60));
        let attribution = dice.pick(&l.attributions);
        let attribution = attribution
            .replace("{d}", &d)
            .replace("{y}", y)
            .replace("{hm}", &hm)
            .replace("{name}", &who.name)
            .replace("{address}", &who.address);
        let values = [
            format!("{} <{}>", who.name, who.address),
            format!("{d}.03.{y} {hm}"),
            format!("{} <{}>", to.name, to.address),
            subject.to_owned(),
        ];
        let block = l.block.iter().cloned().zip(values).collect();
        let paragraphs = paragraphs(dice, l, &who.name);
        self.quote = Some(Quoted { who, subject: subject.to_owned(), paragraphs, attribution, block });
        self
    }

    /// The words written anew.
    #[must_use]
    pub fn own_words(&self) -> Vec<String> {
        words(&plain_paragraphs(&self.paragraphs))
    }

    /// As plain text.
    #[must_use]
    pub fn plain(&self, program: &Program, language: &Language) -> String {
        let mut out = plain_paragraphs(&self.paragraphs);
        if let Some(quoted) = &self.quote {
            out.push_str("\n\n");
            let text = plain_paragraphs(&quoted.paragraphs);
            match program.quote {
                Quote::Attributed | Quote::Gmail => {
                    out.push_str(&quoted.attribution);
                    for line in text.split('\n') {
                        out.push_str(if line.is_empty() { "\n>" } else { "\n> " });
                        out.push_str(line);
                    }
                }
                Quote::Block => out.push_str(&format!("-----{}-----\n{}\n\n{text}", language.original, block(quoted, language))),
                Quote::Ruled => out.push_str(&format!("{}\n{}\n\n{text}", "_".repeat(32), block(quoted, language))),
            }
        }
        if !self.signature.is_empty() {
            out.push_str("\n\n-- \n");
            out.push_str(&self.signature.join("\n"));
        }
        out
    }

    /// The words of the html, in order.
    #[must_use]
    pub fn html_words(&self, program: &Program, language: &Language) -> Vec<String> {
        let mut out = self.own_words();
        if let Some(quoted) = &self.quote {
            match program.quote {
                Quote::Attributed | Quote::Gmail => out.extend(words(&quoted.attribution)),
                Quote::Block | Quote::Ruled => out.extend(words(&block(quoted, language))),
            }
            out.extend(words(&plain_paragraphs(&quoted.paragraphs)));
        }
        out
    }

    /// As html. `head` stands in its head, `more` at the end of its body.
    #[must_use]
    pub fn html(&self, program: &Program, language: &Language, head: &str, more: &str) -> String {
        let direction = if language.is_right_to_left() { " dir=\"rtl\"" } else { "" };
        let mut out = format!("<html>\n<head>\n{head}</head>\n<body{direction}>\n");
        out.push_str(&html_paragraphs(&self.paragraphs, program.quote));
        if let Some(quoted) = &self.quote {
            let text = html_paragraphs(&quoted.paragraphs, program.quote);
            let labels: Vec<String> = block(quoted, language)
                .lines()
                .map(|l| l.split_once(':').map_or_else(|| escaped(l), |(a, b)| format!("<b>{}:</b>{}", escaped(a), escaped(b))))
                .collect();
            let labels = labels.join("<br>\n");
            out.push_str(&match program.quote {
                Quote::Attributed => format!(
                    "<div class=\"moz-cite-prefix\">{}<br></div>\n<blockquote type=\"cite\">\n{text}</blockquote>\n",
                    escaped(&quoted.attribution)
                ),
                Quote::Gmail => format!(
                    "<br><div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">{}<br></div>\
                     <blockquote class=\"gmail_quote\" style=\"margin:0 0 0 .8ex;border-left:1px #ccc solid\">\n{text}</blockquote></div>\n",
                    escaped(&quoted.attribution)
                ),
                Quote::Block => format!(
                    "<div><div style=\"border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm\">\n\
                     <p class=\"MsoNormal\">{labels}</p></div></div>\n{text}"
                ),
                Quote::Ruled => {
                    format!("<div id=\"appendonsend\"></div>\n<hr>\n<div id=\"divRplyFwdMsg\">{labels}</div>\n<div>{text}</div>\n")
                }
            });
        }
        out.push_str(more);
        out.push_str("</body>\n</html>\n");
        out
    }
}

/// Labels and values, a line each.
fn block(quoted: &Quoted, language: &Language) -> String {
    // French puts a blank before its colon.
    let colon = if language.tag == "fr" { "\u{a0}: " } else { ": " };
    quoted.block.iter().map(|(label, value)| format!("{label}{colon}{value}")).collect::<Vec<_>>().join("\n")
}

fn paragraphs(dice: &mut Dice, l: &Language, name: &str) -> Vec<Vec<String>> {
    let mut out = vec![vec![dice.pick(&l.greetings).clone()]];
    let n = dice.within(3, 5);
    let mut sentences = dice.some(&l.sentences, n);
    if dice.chance(20) {
        sentences.insert(1, format!("https://{}.example/{}/{}", l.firm, dice.below(9999), dice.hex(6)));
    }
    while !sentences.is_empty() {
        let n = dice.within(1, 2).min(sentences.len());
        let taken: Vec<String> = sentences.drain(..n).collect();
        let joined = if l.is_without_blanks() { taken } else { wrapped(&taken.join(" ")) };
        out.push(joined);
    }
    out.push(vec![dice.pick(&l.closings).clone(), name.to_owned()]);
    out
}

/// Lines of at most 72 letters.
fn wrapped(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match out.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < 72 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out
}

fn plain_paragraphs(paragraphs: &[Vec<String>]) -> String {
    paragraphs.iter().map(|p| p.join("\n")).collect::<Vec<_>>().join("\n\n")
}

fn html_paragraphs(paragraphs: &[Vec<String>], quote: Quote) -> String {
    let mut out = String::new();
    for (n, paragraph) in paragraphs.iter().enumerate() {
        let is_end = n + 1 == paragraphs.len();
        let lines: Vec<String> = paragraph.iter().map(|l| escaped(l)).collect();
        let text = lines.join(if is_end { "<br>\n" } else { "\n" });
        out.push_str(&match quote {
            Quote::Attributed => format!("<p>{text}</p>\n"),
            Quote::Gmail => format!("<div>{text}</div><div><br></div>\n"),
            Quote::Block => format!("<p class=\"MsoNormal\"><span style=\"font-size:11.0pt\">{text}</span></p>\n"),
            Quote::Ruled => format!("<div style=\"font-family:Calibri\">{text}</div>\n<div><br>\n</div>\n"),
        });
    }
    out
}

/// A text within html.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
