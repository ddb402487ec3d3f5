//! `tidegate ledger`: proves that the books balance, from the journal and the database.

use super::Global;
use super::database::{self, Fresh};
use crate::intake::ledger::{Books, look};
use crate::journal::Reader;
use crate::telemetry::Metrics;
use std::process::ExitCode;

/// Options of `tidegate ledger`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs it. Exit code 1 when the books do not balance.
///
/// # Errors
/// The journal or the database can't be read to the end.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    let reader = Reader::open(&config.journal_dir())
        .map_err(|e| config.invalid("data.dir", format!("names a folder whose journal can't be read: {e}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let books = runtime.block_on(async {
        database::expect(&config, Fresh::Refused)?;
        let store = database::open(&config, 1, Metrics::new().0).await?;
        let books = look(&reader, &store).await?;
        store.close().await;
        anyhow::Ok(books)
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&books)?);
    } else {
        print!("{}", for_people(&books));
    }
    Ok(if books.balanced { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn for_people(books: &Books) -> String {
    let mut out = String::new();
    for (word, count) in [
        ("accepted", books.accepted),
        ("attached", books.attached),
        ("quarantined", books.quarantined),
        ("duplicate", books.duplicate),
        ("discarded", books.discarded),
        ("in flight", books.in_flight),
    ] {
        out.push_str(&format!("{word:<12} {count:>12}\n"));
    }
    for problem in &books.problems {
        out.push_str(&format!("mail {} of organisation {} {}\n", problem.position, problem.organisation, problem.what));
    }
    let unlisted = books.problems_total.saturating_sub(books.problems.len() as u64);
    if unlisted > 0 {
        out.push_str(&format!("… and {unlisted} more\n"));
    }
    out.push_str(if books.balanced { "The books balance.\n" } else { "THE BOOKS DO NOT BALANCE.\n" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_in_one_line_whether_the_books_balance() {
        let fine = Books { accepted: 2, attached: 2, balanced: true, ..Books::default() };
        assert!(for_people(&fine).ends_with("The books balance.\n"));
        let bad = Books { problems_total: 3, ..Books::default() };
        assert!(for_people(&bad).ends_with("… and 3 more\nTHE BOOKS DO NOT BALANCE.\n"));
    }
}
