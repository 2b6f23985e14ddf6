//! Exit codes: one for each kind of cause, documented in the README and in `--help`.

use std::process::ExitCode;

use loadonce_core::LoadErrorKind;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Fine,
    Usage,
    Configuration,
    NotFound,
    Corrupt,
    Unsupported,
    DoesNotFit,
    EngineMissing,
    SampleFailed,
    StartupTimeout,
    Address,
    Internal,
    Interrupted,
}

/// The part of `--help` that lists the codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0    fine, and drained
  2    wrong usage
  10   wrong configuration (a flag's value, loadonce.toml, LOADONCE_*, model.toml)
  11   a model's path or name was not found
  12   a model file is unreadable or corrupt, or its checksum is another one
  13   a format, operator or type is not supported
  14   the models do not fit in memory
  15   an engine is missing
  16   warm-up or a sample failed
  17   startup took longer than --startup-timeout
  18   the address cannot be bound
  70   internal error
  130  stopped before it was ready, or without draining to the end";

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Usage => 2,
            Self::Configuration => 10,
            Self::NotFound => 11,
            Self::Corrupt => 12,
            Self::Unsupported => 13,
            Self::DoesNotFit => 14,
            Self::EngineMissing => 15,
            Self::SampleFailed => 16,
            Self::StartupTimeout => 17,
            Self::Address => 18,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<LoadErrorKind> for Exit {
    fn from(kind: LoadErrorKind) -> Self {
        match kind {
            LoadErrorKind::Configuration => Self::Configuration,
            LoadErrorKind::NotFound => Self::NotFound,
            LoadErrorKind::Corrupt => Self::Corrupt,
            LoadErrorKind::Unsupported => Self::Unsupported,
            LoadErrorKind::DoesNotFit => Self::DoesNotFit,
            LoadErrorKind::EngineMissing => Self::EngineMissing,
            LoadErrorKind::SampleFailed => Self::SampleFailed,
            LoadErrorKind::TimedOut => Self::StartupTimeout,
            LoadErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        let kinds = LoadErrorKind::ALL.map(|kind| Exit::from(kind).code());
        let others = [Exit::Fine, Exit::Usage, Exit::Address, Exit::Interrupted].map(Exit::code);
        for code in kinds.into_iter().chain(others) {
            assert!(HELP.contains(&format!("\n  {code:<4} ")), "{code}");
        }
    }
}
