//! Arguments, telemetry, one call.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match tidegate::cli::run(tidegate::cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidegate: {error:#}");
            let used_wrongly = error.downcast_ref::<tidegate::config::ConfigError>().is_some();
            ExitCode::from(if used_wrongly { 2 } else { 1 })
        }
    }
}
