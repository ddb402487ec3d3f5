//! The schemas of the two databases are the same, and docs/schema.md names all of it.

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let columns = |text: &str| -> Vec<String> {
        let mut out = Vec::new();
        let mut table = None;
        for line in text.lines().map(str::trim).filter(|l| !l.starts_with("--")) {
            if let Some(name) = line.strip_prefix("CREATE TABLE ") {
                table = name.split(' ').next().map(str::to_owned);
            } else if line.starts_with(')') {
                table = None;
            } else if let Some(added) = line.strip_prefix("ALTER TABLE ") {
                out.extend(
                    added
                        .split_once(" ADD COLUMN ")
                        .map(|(table, rest)| format!("{table}.{}", rest.split(' ').next().unwrap_or_default())),
                );
            } else if line.starts_with("CREATE ") || line.starts_with("PRIMARY KEY") {
                out.push(line.to_owned());
            } else if let (Some(table), Some((column, rest))) = (&table, line.split_once(' ')) {
                out.push(format!("{table}.{column}{}", if rest.contains("NOT NULL") { "!" } else { "" }));
            }
        }
        out
    };
    let both = [
        (include_str!("../../migrations/sqlite/0001_first.sql"), include_str!("../../migrations/postgres/0001_first.sql")),
        (
            include_str!("../../migrations/sqlite/0002_threading.sql"),
            include_str!("../../migrations/postgres/0002_threading.sql"),
        ),
        (include_str!("../../migrations/sqlite/0003_groups.sql"), include_str!("../../migrations/postgres/0003_groups.sql")),
        (
            include_str!("../../migrations/sqlite/0004_fewer_pages.sql"),
            include_str!("../../migrations/postgres/0004_fewer_pages.sql"),
        ),
    ];
    let mut sqlite = Vec::new();
    for (one, other) in both {
        assert_eq!(columns(one), columns(other));
        sqlite.extend(columns(one));
    }
    assert!(sqlite.len() > 100, "{sqlite:?}");

    // What is stable is documented.
    let manual = include_str!("../../docs/schema.md");
    let own = [
        "message_ids",
        "brakes",
        "outbound_mails",
        "webhook_endpoints",
        "users",
        "sessions",
        "login_links",
        "token_keys",
        "directory_revision",
        "outbox_heads",
    ];
    for (table, column) in sqlite.iter().filter_map(|line| line.trim_end_matches('!').split_once('.')) {
        assert!(manual.contains(&format!("`{table}`")), "docs/schema.md does not name `{table}`");
        let named = ["`", ", ", "("].iter().any(|before| manual.contains(&format!("{before}{column}")));
        assert!(own.contains(&table) || named, "docs/schema.md does not name `{column}` of `{table}`");
    }
}
