//! Other programs, run to their end, with errors that show what they said.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("`{program}` cannot be started ({reason}); {cure}")]
    Missing {
        /// The program.
        program: String,
        /// What the system said.
        reason: io::Error,
        /// What to install.
        cure: &'static str,
    },
    /// It ran and failed.
    #[error("`{line}` failed ({status}):\n{said}")]
    Failed {
        /// The command line.
        line: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last lines it wrote.
        said: String,
    },
}

/// Runs a program and gives what it wrote to standard output. `cure` says what to install when the
/// program is not there.
pub(super) fn output(command: &mut Command, cure: &'static str) -> Result<String, CommandError> {
    let line = line(command);
    let run = command.stdin(Stdio::null()).output();
    let done = run.map_err(|reason| {
        let program = command.get_program().to_string_lossy().into_owned();
        CommandError::Missing { program, reason, cure }
    })?;
    let written = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(written);
    }
    let said = tail(&format!("{written}{}", String::from_utf8_lossy(&done.stderr)), 15);
    Err(CommandError::Failed { line, status: done.status, said })
}

/// The command line as a person would type it; program paths are cut to their last part.
pub(super) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    let skipped = all.len().saturating_sub(lines);
    all.into_iter().skip(skipped).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_cure() {
        let error =
            output(&mut Command::new("no-such-program"), "install it").expect_err("missing");
        let message = error.to_string();
        assert!(
            message.contains("`no-such-program`") && message.ends_with("; install it"),
            "{message}"
        );
    }

    #[test]
    fn a_failure_shows_the_command_and_what_it_said() {
        let mut command = Command::new("sh");
        let error = output(command.args(["-c", "echo spoken; exit 3"]), "").expect_err("failed");
        let message = error.to_string();
        assert!(message.contains("`sh -c echo spoken; exit 3`"), "{message}");
        assert!(message.ends_with("  spoken"), "{message}");
    }
}
