//! Phases of the process and stages of a component.

use std::fmt;

/// Where a process stands. The order is the order of life; it goes one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// No socket yet.
    Binding,
    /// The socket answers, models are loading.
    Loading,
    /// Startup has finished and the routes are in.
    Ready,
    /// Told to stop; requests are still answered.
    Draining,
    /// Nothing is answered any more.
    Stopped,
}

/// Where a model or another resource stands. The order is the order of life; it goes one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Known, not begun.
    Declared,
    /// Coming into memory.
    Loading,
    /// Running for the first times.
    WarmingUp,
    /// Answering its samples.
    Testing,
    /// Answering requests.
    Ready,
    /// Finishing what it has.
    Draining,
    /// Gone.
    Unloaded,
    /// Not answering, for a stated reason.
    Failed,
}

impl Phase {
    /// A stable name for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Declared,
        Self::Loading,
        Self::WarmingUp,
        Self::Testing,
        Self::Ready,
        Self::Draining,
        Self::Unloaded,
        Self::Failed,
    ];

    /// A stable name for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Loading => "loading",
            Self::WarmingUp => "warming_up",
            Self::Testing => "testing",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Unloaded => "unloaded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
