//! `tidegate migrate`: brings the database's schema up to date. The gateway does so when it starts, too.

use super::Global;
use super::database::{self, Fresh, Opened};
use std::process::ExitCode;

/// Options of `tidegate migrate`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {}

/// Runs it.
///
/// # Errors
/// The configuration or the database.
pub(super) fn run(_args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    database::with(global, Fresh::Made, async |Opened { .. }| {
        eprintln!("the schema is up to date");
        Ok(ExitCode::SUCCESS)
    })
}
