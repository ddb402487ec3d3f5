//! `tidegate org` (skeleton: replaced by its builder).

use super::Global;
use std::process::ExitCode;

/// Options of `tidegate org`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// What the exit code cannot say.
pub fn run(_args: Args, _global: &Global) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
