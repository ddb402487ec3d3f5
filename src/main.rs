//! Arguments, telemetry, one call.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let report = std::panic::take_hook();
    // The same where a line was printed and nobody reads on: no fault of anybody's.
    std::panic::set_hook(Box::new(move |panic| match panic.payload_as_str() {
        Some(words) if words.starts_with("failed printing to stdout") => std::process::exit(0),
        _ => report(panic),
    }));
    match tidegate::cli::run(tidegate::cli::Cli::parse()) {
        Ok(code) => code,
        // Who reads the output has seen enough (`… | head`).
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidegate: {}", tidegate::cli::said(&error));
            let used_wrongly = error.downcast_ref::<tidegate::config::ConfigError>().is_some();
            ExitCode::from(if used_wrongly { 2 } else { 1 })
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
