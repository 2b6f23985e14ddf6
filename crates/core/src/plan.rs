//! The plan: what a set of models will take in memory, and whether there is room for it. Pure: what models take was measured
//! or estimated by others, and so was the room.
//!
//! Models are loaded at the same time as far as there is room for the most that each takes while it loads; those that take
//! much more then than afterwards come first, so that a set fits if there is any order in which it does.

use std::collections::BTreeMap;
use std::fmt;

use crate::ledger::{ControlGroup, ProcessMemory};

/// What one model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes once it serves.
    pub resident: u64,
    /// Bytes at the most while it is loaded; no less than `resident`.
    pub peak: u64,
    /// Where these come from.
    pub source: Source,
}

/// Where a need comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The model was loaded here before, by the same version of its engine.
    Measured,
    /// From the size of its files.
    Estimated {
        /// Bytes that it takes in any case.
        least: u64,
    },
}

/// Bytes that there are for models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may be taken, by this process and those of its models.
    pub bytes: u64,
    /// What sets the limit.
    pub limit: Limit,
}

/// What sets a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The operator.
    Operator,
    /// A control group: beyond `memory.max` the kernel ends processes.
    ControlGroup,
    /// A control group: beyond `memory.high` the kernel slows processes down.
    ControlGroupHigh,
    /// The machine's memory that nobody uses.
    Machine,
}

/// What models take, by name, and what there is for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Nothing is known of models that are not here.
    pub needs: BTreeMap<String, Need>,
    /// Bytes for models, loaded and while they are loaded; no bound when absent.
    pub room: Option<u64>,
}

/// A set of models beside the room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Bytes that this process takes without models.
    pub base: u64,
    /// Bytes of all once they serve, with the base.
    pub resident: u64,
    /// Bytes at the most while they are loaded, one after the other where there is no room for more at a time.
    pub peak: u64,
    /// The same of what is certain: measured, or the least that a model takes.
    pub least: u64,
    /// Whether all of it was measured.
    pub is_measured: bool,
    /// What there is.
    pub room: Option<Room>,
}

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// There is, or no limit is known.
    Fits,
    /// By an estimate there is not, but it may be wrong.
    MayNotFit,
    /// There is not.
    DoesNotFit,
}

impl Need {
    /// Nothing is known of the model.
    pub const NOTHING: Self = Self { resident: 0, peak: 0, source: Source::Estimated { least: 0 } };

    /// More than the files: decoded weights come beside the bytes that were read.
    pub fn estimate(file_bytes: u64, least: u64) -> Self {
        /// An empty model takes something too.
        const LEAST: u64 = 1 << 20;
        let resident = LEAST + file_bytes + file_bytes / 4;
        Self { resident, peak: resident + file_bytes, source: Source::Estimated { least } }
    }

    /// What is certain of it.
    #[must_use]
    pub fn at_least(self) -> Self {
        match self.source {
            Source::Measured => self,
            Source::Estimated { least } => Self { resident: least, peak: least, ..self },
        }
    }

    /// Bytes that are given back once it is loaded.
    pub fn passing(&self) -> u64 {
        self.peak.saturating_sub(self.resident)
    }
}

impl Room {
    /// What the system allows: the least of the control groups' limits and of the machine's available memory, with what
    /// this process takes already; `None` where nothing is known. Other processes of the groups are not looked at.
    pub fn of_system(group: Option<ControlGroup>, available: Option<u64>, own: Option<ProcessMemory>) -> Option<Self> {
        let own = own.map_or(0, |own| own.proportional_bytes);
        let group = group.into_iter().flat_map(|group| {
            let max = group.max.map(|bytes| Self { bytes, limit: Limit::ControlGroup });
            let high = group.high.map(|bytes| Self { bytes, limit: Limit::ControlGroupHigh });
            max.into_iter().chain(high)
        });
        let machine = available.map(|bytes| Self { bytes: bytes + own, limit: Limit::Machine });
        group.chain(machine).min_by_key(|room| room.bytes)
    }
}

impl Sum {
    /// Adds up what models need beside a process that takes `base` bytes without them.
    pub fn new(base: u64, needs: &[Need], room: Option<Room>) -> Self {
        let resident = base + needs.iter().map(|need| need.resident).sum::<u64>();
        let certain: Vec<_> = needs.iter().map(|need| need.at_least()).collect();
        let is_measured = needs.iter().all(|need| need.source == Source::Measured);
        Self { base, resident, peak: peak(base, needs), least: peak(base, &certain), is_measured, room }
    }

    /// Whether there is room for it all.
    pub fn fit(&self) -> Fit {
        match self.room {
            Some(room) if self.least > room.bytes => Fit::DoesNotFit,
            Some(room) if self.peak > room.bytes => Fit::MayNotFit,
            _ => Fit::Fits,
        }
    }
}

/// Bytes at the most while these are loaded one after the other, in the best order.
fn peak(base: u64, needs: &[Need]) -> u64 {
    let mut loaded = base;
    let peaks = in_order(needs).into_iter().map(|position| {
        let peak = loaded + needs[position].peak;
        loaded += needs[position].resident;
        peak
    });
    peaks.max().unwrap_or(base)
}

/// The order in which models are to be loaded where memory is short: those first that give most of it back.
pub fn in_order(needs: &[Need]) -> Vec<usize> {
    let mut order: Vec<_> = (0..needs.len()).collect();
    order.sort_by_key(|position| std::cmp::Reverse(needs[*position].passing()));
    order
}

impl Source {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Estimated { .. } => "estimated",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Operator => "--memory-limit",
            Self::ControlGroup => "the limit of the control group",
            Self::ControlGroupHigh => "memory.high of the control group",
            Self::Machine => "the machine's free memory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(resident: u64, peak: u64) -> Need {
        Need { resident, peak, source: Source::Measured }
    }

    fn room(bytes: u64) -> Room {
        Room { bytes, limit: Limit::Operator }
    }

    #[test]
    fn the_peak_is_that_of_the_best_order() {
        let needs = [need(100, 110), need(10, 200), need(50, 50)];
        assert_eq!(in_order(&needs), [1, 0, 2]);
        let sum = Sum::new(5, &needs, Some(room(205)));
        assert_eq!((sum.resident, sum.peak, sum.fit()), (165, 205, Fit::Fits));
        assert_eq!(Sum::new(5, &needs, Some(room(204))).fit(), Fit::DoesNotFit);
        assert_eq!(Sum::new(5, &needs, None).fit(), Fit::Fits);
        let nothing = Sum { base: 7, resident: 7, peak: 7, least: 7, is_measured: true, room: None };
        assert_eq!(Sum::new(7, &[], None), nothing);
    }

    #[test]
    fn no_order_is_better() {
        let needs = [need(3, 9), need(4, 5), need(1, 8), need(6, 6)];
        let peak_of = |order: &[usize]| {
            let mut loaded = 0;
            let peaks = order.iter().map(|position| {
                let peak = loaded + needs[*position].peak;
                loaded += needs[*position].resident;
                peak
            });
            peaks.max().unwrap()
        };
        let mut lowest = u64::MAX;
        for first in 0..4 {
            for second in (0..4).filter(|second| *second != first) {
                for third in (0..4).filter(|third| ![first, second].contains(third)) {
                    let last = 6 - first - second - third;
                    lowest = lowest.min(peak_of(&[first, second, third, last]));
                }
            }
        }
        assert_eq!(Sum::new(0, &needs, None).peak, lowest);
    }

    #[test]
    fn an_estimate_refuses_nothing_that_may_fit() {
        let estimate = Need::estimate(100 << 20, 50 << 20);
        assert!(estimate.peak > estimate.resident && estimate.resident > 100 << 20);
        let fit = |megabytes: u64| Sum::new(0, &[need(1, 1), estimate], Some(room(megabytes << 20))).fit();
        assert_eq!([49, 51, 200, 300].map(fit), [Fit::DoesNotFit, Fit::MayNotFit, Fit::MayNotFit, Fit::Fits]);
        assert!(!Sum::new(0, &[need(1, 1), estimate], None).is_measured);
    }

    #[test]
    fn the_least_limit_counts() {
        let group = |max, high| Some(ControlGroup { max, high, current: Some(7), peak: None });
        let own = ProcessMemory { proportional_bytes: 10, private_bytes: 9, anonymous_bytes: 8 };
        let of = |group, available| Room::of_system(group, available, Some(own)).map(|room| (room.bytes, room.limit));
        assert_eq!(of(group(Some(100), None), Some(500)), Some((100, Limit::ControlGroup)));
        assert_eq!(of(group(Some(100), Some(90)), Some(500)), Some((90, Limit::ControlGroupHigh)));
        assert_eq!(of(group(Some(1000), None), Some(500)), Some((510, Limit::Machine)));
        assert_eq!((of(group(None, None), Some(5)), of(None, None)), (Some((15, Limit::Machine)), None));
    }
}
