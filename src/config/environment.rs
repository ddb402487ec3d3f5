//! The environment over the file: `TIDEGATE_<SECTION>__<KEY>`, two underscores between section and key.
//!
//! The value is TOML, or a bare word. What looks like a number or a date and stands where text is wanted (a token of
//! digits) is taken as that text.
//!
//! # Failure
//! A name that is nearly one of ours is an error: a setting that is passed over in silence is worse. Other names
//! that begin with TIDEGATE_ are not ours (an orchestrator makes some of a service's name).

use super::{Config, words};
use toml::{Table, Value};

/// Puts a variable's value into the table, and gives the key that it set, as `section.key`; `None` when it is none of ours.
///
/// # Errors
/// What is wrong with its name or its value.
pub(super) fn set(table: &mut Table, variable: &str, value: String) -> Result<Option<String>, String> {
    let Some(name) = variable.strip_prefix("TIDEGATE_") else { return Ok(None) };
    let name = name.to_lowercase();
    if !name.contains("__") {
        return match meant(&name) {
            Some((section, key)) => Err(format!(
                "two underscores stand between section and key: TIDEGATE_{}__{}",
                section.to_uppercase(),
                key.to_uppercase()
            )),
            None => Ok(None),
        };
    }
    let path: Vec<&str> = name.split("__").collect();
    let read = format!("v = {value}").parse::<Table>().ok().filter(|t| t.len() == 1).and_then(|mut t| t.remove("v"));
    let read = read.unwrap_or_else(|| Value::String(value.clone()));
    let is_text = read.is_str();
    // Tried after each variable, so that the message is about the one at fault.
    let tried = with(table, &path, read)
        .or_else(|e| if is_text { Err(e) } else { with(table, &path, Value::String(value)).map_err(|_| e) });
    *table = tried?;
    Ok(Some(path.join(".")))
}

/// The sections that have a key of this name.
pub(super) fn sections_with(key: &str) -> Vec<String> {
    known().filter(|(_, k)| k == key).map(|(section, _)| section).collect()
}

fn with(table: &Table, path: &[&str], value: Value) -> Result<Table, String> {
    let mut changed = table.clone();
    let mut here = &mut changed;
    if let Some((last, sections)) = path.split_last() {
        for section in sections {
            let entry = here.entry(*section).or_insert_with(|| Value::Table(Table::new()));
            here = entry.as_table_mut().ok_or_else(|| format!("`{section}` is no section"))?;
        }
        here.insert((*last).to_owned(), value);
    }
    Value::Table(changed.clone()).try_into::<Config>().map_err(|e| words::explain(&e))?;
    Ok(changed)
}

/// Section and key of a name with one underscore between them.
fn meant(name: &str) -> Option<(String, String)> {
    known().find(|(section, key)| name.strip_prefix(section.as_str()).and_then(|rest| rest.strip_prefix('_')) == Some(key))
}

/// Every section with every key in it.
fn known() -> impl Iterator<Item = (String, String)> {
    let sections = Table::try_from(Config::default()).unwrap_or_default();
    sections.into_iter().flat_map(|(section, keys)| {
        let keys = keys.as_table().cloned().unwrap_or_default();
        keys.into_iter().map(move |(key, _)| (section.clone(), key)).collect::<Vec<_>>()
    })
}
