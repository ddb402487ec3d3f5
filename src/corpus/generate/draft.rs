//! A mail before it is bytes: fields and parts whose meaning is known, each with the form it will be
//! written in. Manglings change forms; [`super::render()`] writes.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::language::Language;
use super::letters::Charset;
use super::program::Program;
use super::truth::Truth;

/// A mail that is being written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its words.
    pub language: &'static Language,
    /// Who sends it.
    pub program: &'static Program,
    /// What it looks like: `plain`, `alternative`, `bounce`, …
    pub shape: &'static str,
    /// The header without the fields of the root part.
    pub fields: Vec<Field>,
    /// The body.
    pub root: Part,
    /// How names and subjects are written.
    pub form: Form,
    /// The MIME-Version field is written.
    pub mime_version: bool,
    /// What stands between header and body.
    pub gap: &'static [u8],
    /// Its html has words that the style hides and the plain text has not.
    pub hidden_words: bool,
    /// When it was sent.
    pub when: super::when::When,
    /// What is right.
    pub truth: Truth,
}

/// One field of the header.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name as written, with what stands before the colon.
    pub name: String,
    /// Between colon and value.
    pub blank: &'static str,
    /// Its value.
    pub value: Value,
}

/// What a field says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Bytes as they are, folds and all.
    Raw(Vec<u8>),
    /// Words.
    Text(String),
    /// Mailboxes.
    People(Vec<Mailbox>),
    /// Message-IDs, without brackets.
    Ids(Vec<String>),
}

/// A mailbox that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// May be empty.
    pub name: String,
    /// addr-spec.
    pub address: String,
}

/// How letters beyond ASCII are written in a header.
#[derive(Debug, Clone)]
pub struct Form {
    /// The bytes.
    pub charset: Charset,
    /// What the encoded-word says they are.
    pub label: String,
    /// `B` or `Q`, in this case.
    pub letter: char,
    /// What is odd.
    pub style: Style,
}

/// What is odd about encoded-words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Nothing: RFC 2047.
    Standard,
    /// No encoded-words: the bytes themselves.
    Raw,
    /// Words end within a letter.
    Cut,
    /// No blank between two words.
    Glued,
    /// Words within quotes.
    Quoted,
    /// Blanks within a word.
    Blanks,
    /// The whole list with its addresses is one text.
    WholeList,
    /// One word however long.
    Long,
    /// A fold within a word.
    Folded,
    /// Bytes beyond ASCII within a Q word.
    Naked,
    /// Base64 without `=` at its end.
    Unpadded,
    /// An encoded-word of encoded-words.
    Twice,
    /// Words of iso-2022-jp that do not return to ASCII at their end, and go on in the next.
    Escaping,
}

/// A part of the body.
#[derive(Debug, Clone)]
pub struct Part {
    /// `type/subtype` as written.
    pub kind: String,
    /// The `charset` parameter as written after `charset=`; `None`: left out.
    pub label: Option<String>,
    /// How the letters of a text become bytes.
    pub charset: Charset,
    /// Further parameters, as written: `; format=flowed`.
    pub more: String,
    /// How bytes become lines.
    pub transfer: Transfer,
    /// What Content-Transfer-Encoding says instead; `Some("")`: the field is left out.
    pub transfer_label: Option<&'static str>,
    /// What is odd about the encoding.
    pub quirk: Quirk,
    /// Content-Disposition's value.
    pub disposition: Option<&'static str>,
    /// Its file name.
    pub name: Option<String>,
    /// How the name is written.
    pub name_form: NameForm,
    /// Content-ID without brackets.
    pub id: Option<String>,
    /// Field lines as they are, without line ends.
    pub extra: Vec<String>,
    /// Put in place of the Content-Type field; `Some("")`: no such field.
    pub type_line: Option<String>,
    /// What is in it.
    pub content: Content,
    /// Of a multipart.
    pub boundary: Boundary,
    /// Written behind its content within the part, as it is (a scanner's note behind base64).
    pub tail: Vec<u8>,
}

/// What is in a part.
#[derive(Debug, Clone)]
pub enum Content {
    /// Lines, divided by LF.
    Text(String),
    /// A text whose bytes are made already.
    Encoded(Vec<u8>),
    /// A file.
    Bytes(Vec<u8>),
    /// Parts.
    Parts(Vec<Part>),
}

/// How bytes become lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// As they are, all below 0x80.
    SevenBit,
    /// As they are.
    EightBit,
    /// RFC 2045 section 6.7.
    QuotedPrintable,
    /// RFC 2045 section 6.8.
    Base64,
    /// Before MIME.
    Uuencode,
}

/// What is odd about quoted-printable or base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// Nothing.
    None,
    /// Hexadecimal digits in lower case.
    LowerHex,
    /// A blank behind the `=` of a soft break.
    SoftBlank,
    /// Bytes beyond ASCII are left as they are.
    Naked,
    /// No soft breaks.
    LongLines,
    /// The `=` at the end of a line was lost; lines were broken at blanks.
    LostSoftBreak,
    /// Characters that are not of the alphabet.
    Noise,
    /// No `=` at the end.
    Unpadded,
    /// All in one line.
    OneLine,
    /// Encoded in blocks, each padded for itself.
    Blocks,
    /// Lines whose length is no multiple of four.
    OddLines,
    /// Blank lines between.
    BlankLines,
    /// One line that a relay cut with `!` and a fold.
    RelayCut,
    /// Blanks before each line.
    Indented,
}

/// How a file name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NameForm {
    /// RFC 2231 where it is not ASCII, else quoted.
    Standard,
    /// RFC 2231 in pieces.
    Continued,
    /// RFC 2047 in quotes, in both fields.
    EncodedWords,
    /// RFC 2047 words without quotes.
    BareWords,
    /// The bytes of UTF-8 in quotes.
    RawUtf8,
    /// The bytes of the body's charset in quotes.
    RawBody,
    /// RFC 2231 with quotes around it.
    QuotedExtended,
    /// RFC 2231 that says us-ascii and has UTF-8.
    ExtendedAscii,
    /// RFC 2231 with the letters as they are.
    ExtendedRaw,
    /// RFC 2231 without the charset.
    ExtendedBare,
    /// A path before it.
    WindowsPath,
    UnixPath,
    /// In Content-Type alone.
    TypeOnly,
    /// Blanks and no quotes.
    Unquoted,
    /// The closing quote is missing.
    Unclosed,
    /// Folded within.
    Folded,
    /// Another name in Content-Type.
    TwoNames,
    /// Both `filename` and `filename*`, as RFC 6266 advises.
    Both,
}

/// How the delimiters of a multipart are written.
#[derive(Debug, Clone, Default)]
pub struct Boundary {
    /// The boundary in the body.
    pub text: String,
    /// What Content-Type says after `boundary=`; `None`: the same, quoted; `Some("")`: nothing.
    pub said: Option<String>,
    /// Behind each delimiter.
    pub trailing: &'static str,
    /// The closing delimiter is left out.
    pub unclosed: bool,
    /// Before the first delimiter, lines divided by LF.
    pub preamble: String,
    /// After the closing delimiter.
    pub epilogue: String,
}

impl Draft {
    /// The field with this name.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|f| f.name.trim().eq_ignore_ascii_case(name))
    }

    /// Replaces the value of a field.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        self.field_mut(name).map(|f| f.value = value).is_some()
    }

    /// Takes a field out, however its name is written.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|f| !f.name.trim().eq_ignore_ascii_case(name));
    }

    /// Adds a field as it is.
    pub fn add_raw(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push(Field::raw(name, value));
    }

    /// Header texts that have letters beyond ASCII.
    #[must_use]
    pub fn has_header_letters(&self) -> bool {
        self.fields.iter().any(|f| match &f.value {
            Value::Text(text) => !text.is_ascii(),
            Value::People(people) => people.iter().any(|p| !p.name.is_ascii()),
            _ => false,
        })
    }

    /// The texts of a header.
    pub fn header_texts(&self) -> Vec<&str> {
        let mut out = Vec::new();
        for field in &self.fields {
            match &field.value {
                Value::Text(text) => out.push(text.as_str()),
                Value::People(people) => out.extend(people.iter().map(|p| p.name.as_str())),
                _ => {}
            }
        }
        out
    }

    /// All parts that are shown as text, in order.
    pub fn texts_mut(&mut self) -> Vec<&mut Part> {
        let mut out = Vec::new();
        self.root.collect_texts(&mut out);
        out
    }

    /// All files, in order.
    pub fn files_mut(&mut self) -> Vec<&mut Part> {
        let mut out = Vec::new();
        self.root.collect_files(&mut out);
        out
    }
}

impl Field {
    /// A field as it is.
    #[must_use]
    pub fn raw(name: &str, value: impl Into<Vec<u8>>) -> Self {
        Field { name: name.to_owned(), blank: " ", value: Value::Raw(value.into()) }
    }

    /// A field that is written in its form.
    #[must_use]
    pub fn new(name: &str, value: Value) -> Self {
        Field { name: name.to_owned(), blank: " ", value }
    }
}

impl Part {
    /// A part with nothing odd about it.
    #[must_use]
    pub fn new(kind: &str, content: Content) -> Self {
        Part {
            kind: kind.to_owned(),
            label: None,
            charset: super::letters::UTF_8,
            more: String::new(),
            transfer: Transfer::SevenBit,
            transfer_label: None,
            quirk: Quirk::None,
            disposition: None,
            name: None,
            name_form: NameForm::Standard,
            id: None,
            extra: Vec::new(),
            type_line: None,
            content,
            boundary: Boundary::default(),
            tail: Vec::new(),
        }
    }

    /// A multipart.
    #[must_use]
    pub fn multipart(subtype: &str, boundary: String, children: Vec<Part>) -> Self {
        let mut part = Part::new(&format!("multipart/{subtype}"), Content::Parts(children));
        part.boundary.text = boundary;
        part
    }

    /// Shown as text: a text without a disposition or a name.
    #[must_use]
    pub fn is_shown_text(&self) -> bool {
        matches!(self.kind.as_str(), "text/plain" | "text/html")
            && self.name.is_none()
            && self.disposition != Some("attachment")
            && matches!(self.content, Content::Text(_))
    }

    /// A text in it is bytes already, and can't be changed any more.
    #[must_use]
    pub fn has_encoded_text(&self) -> bool {
        match &self.content {
            Content::Encoded(_) => matches!(self.kind.as_str(), "text/plain" | "text/html"),
            Content::Parts(children) => children.iter().any(Part::has_encoded_text),
            Content::Text(_) | Content::Bytes(_) => false,
        }
    }

    fn collect_texts<'a>(&'a mut self, out: &mut Vec<&'a mut Part>) {
        if self.is_shown_text() {
            out.push(self);
        } else if let Content::Parts(children) = &mut self.content {
            children.iter_mut().for_each(|c| c.collect_texts(out));
        }
    }

    fn collect_files<'a>(&'a mut self, out: &mut Vec<&'a mut Part>) {
        if matches!(self.content, Content::Bytes(_)) {
            out.push(self);
        } else if let Content::Parts(children) = &mut self.content {
            children.iter_mut().for_each(|c| c.collect_files(out));
        }
    }

    /// All multiparts, outermost first.
    pub fn multiparts_mut<'a>(&'a mut self, out: &mut Vec<&'a mut Boundary>) {
        if let Content::Parts(children) = &mut self.content {
            out.push(&mut self.boundary);
            children.iter_mut().for_each(|c| c.multiparts_mut(out));
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }
}
