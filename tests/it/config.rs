//! `config/tidegate.toml` is the manual of the configuration, so it is held against the types.

use std::collections::BTreeSet;
use tidegate::config::Config;

const FILE: &str = include_str!("../../config/tidegate.toml");

/// Every `section.key` of a configuration.
fn keys(table: &toml::Table) -> BTreeSet<String> {
    let section = |(section, value): (&String, &toml::Value)| -> Vec<String> {
        value.as_table().unwrap().keys().map(|key| format!("{section}.{key}")).collect()
    };
    table.iter().flat_map(section).collect()
}

#[test]
fn the_file_has_every_key_and_no_other() {
    let in_code = keys(&toml::Table::try_from(Config::default()).unwrap());
    let in_file = keys(&FILE.parse().unwrap());
    assert_eq!(in_file, in_code);
    assert!(in_code.len() > 30, "only {in_code:?}");
}

#[test]
fn the_file_shows_the_defaults() {
    let from_file: toml::Table = FILE.parse().unwrap();
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    for (section, keys) in &defaults {
        for (key, value) in keys.as_table().unwrap() {
            assert_eq!(from_file[section].get(key), Some(value), "{section}.{key}");
        }
    }
    let loaded = Config::from_text("config/tidegate.toml", FILE, []).unwrap();
    assert_eq!(loaded.limits(), Config::default().limits());
}

#[test]
fn every_key_has_a_comment_of_its_own() {
    let mut commented = false;
    for line in FILE.lines() {
        let is_comment = line.starts_with('#');
        if line.contains('=') && !is_comment {
            assert!(commented, "no comment above `{line}`");
        }
        commented = is_comment;
    }
}
