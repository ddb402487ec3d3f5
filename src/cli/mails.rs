//! Mails on disk: files, mboxes, Maildirs and folders of these, one mail at a time.
//!
//! A mail's name is the path as given (or as found below a folder); the second and later mails of
//! an mbox have `#2`, `#3`, … behind it. `-` is standard input. Folders are walked in order of
//! name, so that two runs give the same sequence. A Maildir's `tmp` (deliveries under way), hidden
//! files and files that are plainly not mail (`sample.toml`, `expected.snap`) are passed over.
//!
//! # Failure
//! A path that can't be read is one `Err` that names it, and so is a folder that was named and has no mail in it; the
//! walk goes on behind it.
//!
//! # Trust
//! None in the content. Memory holds one mail of an mbox at a time, and a file that is one mail.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Folders below a folder that are followed: a loop of links ends here.
const FOLDER_DEPTH_MAX: usize = 64;

/// Extensions of what lies beside mails in a folder. A file that is named itself is always read.
const NOT_MAIL: &[&str] = &[
    "css", "db", "html", "js", "json", "jsonl", "lock", "md", "msf", "new", "out", "png", "py", "rs", "sh", "snap", "sqlite",
    "toml", "xml", "yaml", "yml",
];

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFile {
    /// The path, with `#n` behind it from the second mail of an mbox on.
    pub(crate) name: String,
    /// Its bytes; of an mbox without the separator line and with `>From ` unquoted.
    pub(crate) raw: Vec<u8>,
}

/// The mails of some paths, lazily.
#[derive(Debug)]
pub(crate) struct Mails {
    todo: VecDeque<(PathBuf, usize)>,
    mbox: Option<Mbox>,
    /// A folder that was named, as long as no mail was found in it.
    without_mail: Option<PathBuf>,
}

/// The mails of these files, mboxes, Maildirs and folders.
pub(crate) fn walk(paths: &[PathBuf]) -> Mails {
    Mails { todo: paths.iter().map(|p| (p.clone(), 0)).collect(), mbox: None, without_mail: None }
}

impl Iterator for Mails {
    type Item = io::Result<MailFile>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mbox) = &mut self.mbox {
                match mbox.next() {
                    Some(mail) => {
                        self.without_mail = None;
                        return Some(mail);
                    }
                    None => self.mbox = None,
                }
            }
            if self.todo.front().is_none_or(|(_, depth)| *depth == 0)
                && let Some(folder) = self.without_mail.take()
            {
                let nothing =
                    "no mail in this folder (hidden files, a Maildir's tmp and what is plainly no mail are passed over)";
                return Some(Err(named(&folder, &io::Error::other(nothing))));
            }
            let (path, depth) = self.todo.pop_front()?;
            let opened = self.open(&path, depth);
            if depth == 0 && matches!(opened, Ok(None)) && self.mbox.is_none() {
                self.without_mail = Some(path);
                continue;
            }
            match opened {
                Ok(None) => {}
                Ok(Some(mail)) => {
                    self.without_mail = None;
                    return Some(Ok(mail));
                }
                Err(e) => {
                    self.without_mail = None;
                    return Some(Err(named(&path, &e)));
                }
            }
        }
    }
}

impl Mails {
    /// A mail, or nothing when the path opened up into more paths or an mbox.
    fn open(&mut self, path: &Path, depth: usize) -> io::Result<Option<MailFile>> {
        if path == Path::new("-") {
            let mut raw = Vec::new();
            io::stdin().lock().read_to_end(&mut raw)?;
            return Ok(Some(MailFile { name: "-".to_owned(), raw }));
        }
        if path.is_dir() {
            if depth < FOLDER_DEPTH_MAX {
                for inner in folder(path)?.into_iter().rev() {
                    self.todo.push_front((inner, depth + 1));
                }
            }
            return Ok(None);
        }
        let mut reader = BufReader::new(File::open(path)?);
        if !has_extension(path, &["eml"]) && is_mbox(reader.fill_buf()?) {
            self.mbox = Some(Mbox { reader, path: path.to_owned(), count: 0, ended: false });
            return Ok(None);
        }
        let mut raw = Vec::new();
        reader.read_to_end(&mut raw)?;
        Ok(Some(MailFile { name: path.display().to_string(), raw }))
    }
}

/// What is worth reading in a folder, in order of name.
fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inner: Vec<PathBuf> = std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
    inner.sort();
    let maildir = path.join("cur").is_dir() && path.join("new").is_dir();
    inner.retain(|p| {
        let name = p.file_name().unwrap_or_default().as_encoded_bytes();
        if p.is_dir() {
            // Maildir++ names its subfolders `.Sent`.
            return if name.starts_with(b".") { p.join("cur").is_dir() } else { !(maildir && name == b"tmp") };
        }
        // In a Maildir every file of cur and new is a mail, whatever its name ends in.
        let delivered = path.ends_with("cur") || path.ends_with("new");
        !name.starts_with(b".") && (delivered || !has_extension(p, NOT_MAIL))
    });
    Ok(inner)
}

fn has_extension(path: &Path, any_of: &[&str]) -> bool {
    path.extension().is_some_and(|e| any_of.iter().any(|x| e.eq_ignore_ascii_case(x)))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// An mbox being read (RFC 4155; `>From ` unquoted once, as mboxrd does).
#[derive(Debug)]
struct Mbox {
    reader: BufReader<File>,
    path: PathBuf,
    count: usize,
    ended: bool,
}

impl Mbox {
    fn next(&mut self) -> Option<io::Result<MailFile>> {
        if self.ended {
            return None;
        }
        let mut raw = Vec::new();
        let mut blank_before = true;
        loop {
            let start = raw.len();
            match self.reader.read_until(b'\n', &mut raw) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(_) => {}
                Err(e) => {
                    self.ended = true;
                    return Some(Err(named(&self.path, &e)));
                }
            }
            let line = &raw[start..];
            if blank_before && is_separator(line) {
                raw.truncate(start);
                if start == 0 {
                    continue;
                }
                break;
            }
            blank_before = line.iter().all(|b| matches!(b, b'\r' | b'\n'));
            if line.starts_with(b">")
                && line.trim_ascii_start().iter().position(|b| *b != b'>').is_some_and(|n| line[n..].starts_with(b"From "))
            {
                raw.remove(start);
            }
        }
        if raw.is_empty() {
            return None;
        }
        // The blank line in front of the next separator belongs to the mbox, not to the mail.
        if !self.ended && raw.ends_with(b"\n\n") {
            raw.pop();
        } else if !self.ended && raw.ends_with(b"\r\n\r\n") {
            raw.truncate(raw.len() - 2);
        }
        self.count += 1;
        let name = match self.count {
            1 => self.path.display().to_string(),
            n => format!("{}#{n}", self.path.display()),
        };
        Some(Ok(MailFile { name, raw }))
    }
}

/// An mbox begins with a separator line. (One mail alone may too; it is an mbox of one then.)
fn is_mbox(head: &[u8]) -> bool {
    is_separator(head.split(|b| *b == b'\n').next().unwrap_or_default())
}

/// `From address … time …`: the time of day, with a colon between digits, keeps sentences out.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    rest.len() < 512
        && rest.windows(5).any(|w| {
            w[0].is_ascii_digit() && w[1].is_ascii_digit() && w[2] == b':' && w[3].is_ascii_digit() && w[4].is_ascii_digit()
        })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // tests need no durability
mod tests {
    use super::*;

    fn names(paths: &[PathBuf], root: &Path) -> Vec<String> {
        walk(paths).map(|m| m.unwrap().name.replace(&format!("{}/", root.display()), "")).collect()
    }

    #[test]
    fn an_mbox_gives_its_mails_without_separators_and_quotes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("box");
        std::fs::write(
            &path,
            "From a@x.test Thu Jan  1 00:00:00 2026\nSubject: one\n\nFrom here on it is text.\n>From the start\n\n\
             From b@x.test Thu Jan  1 00:00:01 2026\nSubject: two\n\nbody\n",
        )
        .unwrap();
        let mails: Vec<MailFile> = walk(std::slice::from_ref(&path)).map(Result::unwrap).collect();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].raw, b"Subject: one\n\nFrom here on it is text.\nFrom the start\n");
        assert_eq!(mails[1].raw, b"Subject: two\n\nbody\n");
        assert_eq!(mails[1].name, format!("{}#2", path.display()));
    }

    #[test]
    fn a_folder_is_walked_in_order_and_what_is_not_mail_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in ["sample", "box/cur", "box/new", "box/tmp", "box/.Sent/cur"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in [
            "sample/message.eml",
            "sample/sample.toml",
            "box/cur/2:2,S",
            "box/new/1.json",
            "box/tmp/3",
            "box/.Sent/cur/4",
            ".hidden",
        ] {
            std::fs::write(root.join(file), "Subject: x\n\ny\n").unwrap();
        }
        assert_eq!(names(&[root.to_owned()], root), ["box/.Sent/cur/4", "box/cur/2:2,S", "box/new/1.json", "sample/message.eml"]);
    }

    #[test]
    fn a_folder_without_mail_is_named_and_the_walk_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["empty", "only/beside", "full/deep"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join("only/beside/sample.toml"), "").unwrap();
        std::fs::write(dir.path().join("full/deep/1"), "Subject: x\n\ny\n").unwrap();
        let got: Vec<_> = walk(&["empty", "full", "only"].map(|name| dir.path().join(name))).collect();
        let said = |n: usize| got[n].as_ref().unwrap_err().to_string();
        assert!(got.len() == 3 && got[1].is_ok(), "{got:?}");
        assert!(said(0).contains("/empty: no mail") && said(2).contains("/only: no mail"), "{got:?}");
    }

    #[test]
    fn a_path_that_cannot_be_read_is_named_and_the_walk_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b"), "Subject: x\n\ny\n").unwrap();
        let got: Vec<_> = walk(&[dir.path().join("a"), dir.path().join("b")]).collect();
        assert!(got[0].as_ref().unwrap_err().to_string().contains("/a: "));
        assert!(got[1].is_ok());
    }
}
