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
    LoadTest,
    ModelCode,
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
  16   warm-up or a sample failed, check found a model wrong, or it would answer otherwise once optimized
  17   startup took longer than --startup-timeout
  18   the address cannot be bound
  19   in a load test, a request was not answered rightly, or the server could not be asked
  20   a model's own code failed while it was loaded
  70   internal error
  130  stopped before it was ready, without draining to the end, or before the end of a load test";

impl Exit {
    /// The one with that code.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }

    const ALL: [Self; 15] = [
        Self::Fine,
        Self::Usage,
        Self::Configuration,
        Self::NotFound,
        Self::Corrupt,
        Self::Unsupported,
        Self::DoesNotFit,
        Self::EngineMissing,
        Self::SampleFailed,
        Self::StartupTimeout,
        Self::Address,
        Self::LoadTest,
        Self::ModelCode,
        Self::Internal,
        Self::Interrupted,
    ];

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
            Self::LoadTest => 19,
            Self::ModelCode => 20,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }

    /// The end of another run of this program.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
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
            LoadErrorKind::ModelCode => Self::ModelCode,
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
        for exit in Exit::ALL {
            let code = exit.code();
            assert!(HELP.contains(&format!("\n  {code:<4} ")), "{code}");
            assert_eq!(Exit::from_code(code), Some(exit));
        }
        assert_eq!(HELP.lines().count(), 1 + Exit::ALL.len());
    }
}
