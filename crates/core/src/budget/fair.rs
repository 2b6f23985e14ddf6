//! Who has permits, who waits for some, and who is next: the model that has had the least time. No lock and no thread
//! here.

use std::collections::BTreeMap;
use std::time::Duration;

/// A model's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account(u64);

/// A run, before it starts and until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) account: Account,
    pub(super) lane: Lane,
    /// Permits that it takes: the threads that it keeps busy.
    pub(super) permits: usize,
}

/// Runs of a kind compete with each other only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Known to be over soon.
    Short,
    Long,
}

/// The books. `T` is how a waiting claim is told that its turn has come.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    accounts: BTreeMap<Account, Balance>,
    opened: u64,
    /// What the last model that was served had had by then: who comes back from a pause starts there and has no credit
    /// from the time when it asked for nothing.
    clock: Duration,
    short: Permits<T>,
    long: Permits<T>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// Time that its runs have taken.
    had: Duration,
    /// Claims that wait or run.
    open: usize,
}

#[derive(Debug)]
struct Permits<T> {
    free: usize,
    /// In the order in which they came.
    waiting: Vec<(Claim, T)>,
}

impl<T> Ledger<T> {
    /// Books of so many permits a lane.
    pub(super) fn new(permits: usize) -> Self {
        let lane = || Permits { free: permits, waiting: Vec::new() };
        Self { accounts: BTreeMap::new(), opened: 0, clock: Duration::ZERO, short: lane(), long: lane() }
    }

    pub(super) fn open(&mut self) -> Account {
        self.opened += 1;
        let account = Account(self.opened);
        self.accounts.insert(account, Balance::default());
        account
    }

    pub(super) fn close(&mut self, account: Account) {
        self.accounts.remove(&account);
    }

    /// Takes the permits at once where nobody waits for them; else the claim is to be put in the queue with [`Self::wait`].
    pub(super) fn try_take(&mut self, claim: Claim) -> bool {
        let lane = self.lane(claim.lane);
        if !lane.waiting.is_empty() || lane.free < claim.permits {
            return false;
        }
        self.enter(claim.account);
        self.start(claim);
        true
    }

    /// Lets a claim wait for its turn.
    pub(super) fn wait(&mut self, claim: Claim, ticket: T) {
        self.enter(claim.account);
        self.lane(claim.lane).waiting.push((claim, ticket));
    }

    /// A run is over after that time; the tickets of those whose turn has come.
    pub(super) fn give_back(&mut self, claim: Claim, took: Duration) -> Vec<T> {
        if let Some(balance) = self.accounts.get_mut(&claim.account) {
            let permits = u32::try_from(claim.permits).unwrap_or(u32::MAX);
            balance.had = balance.had.saturating_add(took.saturating_mul(permits));
            balance.open -= 1;
        }
        self.lane(claim.lane).free += claim.permits;
        let mut called = Vec::new();
        while let Some((claim, ticket)) = self.call(claim.lane) {
            self.start(claim);
            called.push(ticket);
        }
        called
    }

    /// Permits free for long and for short runs.
    #[cfg(test)]
    pub(super) fn free(&self) -> (usize, usize) {
        (self.long.free, self.short.free)
    }

    fn enter(&mut self, account: Account) {
        let balance = self.accounts.entry(account).or_default();
        if balance.open == 0 {
            balance.had = balance.had.max(self.clock);
        }
        balance.open += 1;
    }

    fn start(&mut self, claim: Claim) {
        self.clock = self.clock.max(self.had(claim.account));
        self.lane(claim.lane).free -= claim.permits;
    }

    /// Removes the claim whose turn it is, if its permits are free. A claim of many permits is not passed by others of
    /// fewer, else it might wait for ever.
    fn call(&mut self, lane: Lane) -> Option<(Claim, T)> {
        let claims: Vec<_> = self.lane(lane).waiting.iter().map(|(claim, _)| *claim).collect();
        let position = next(&claims, |account| self.had(account))?;
        let lane = self.lane(lane);
        (claims[position].permits <= lane.free).then(|| lane.waiting.remove(position))
    }

    fn had(&self, account: Account) -> Duration {
        self.accounts.get(&account).map_or(Duration::ZERO, |balance| balance.had)
    }

    fn lane(&mut self, lane: Lane) -> &mut Permits<T> {
        match lane {
            Lane::Short => &mut self.short,
            Lane::Long => &mut self.long,
        }
    }
}

/// The claim whose account has had the least; of several, the one that came first.
fn next(waiting: &[Claim], had: impl Fn(Account) -> Duration) -> Option<usize> {
    let positions = waiting.iter().enumerate().min_by_key(|(_, claim)| had(claim.account));
    positions.map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn long(account: Account, permits: usize) -> Claim {
        Claim { account, lane: Lane::Long, permits }
    }

    #[test]
    fn a_model_that_asks_all_the_time_takes_turns_with_one_that_does_the_same() {
        let mut ledger = Ledger::new(1);
        let (slow, fast) = (ledger.open(), ledger.open());
        assert!(ledger.try_take(long(slow, 1)));
        // Eight runs of the one that takes ten times as long wait before the other one's.
        (0..8).for_each(|_| ledger.wait(long(slow, 1), slow));
        (0..30).for_each(|_| ledger.wait(long(fast, 1), fast));
        let (mut order, mut running) = (Vec::new(), slow);
        for _ in 0..33 {
            let took = if running == slow { MILLISECOND * 10 } else { MILLISECOND };
            let called = ledger.give_back(long(running, 1), took);
            assert_eq!(called.len(), 1);
            running = called[0];
            order.push(running);
        }
        let turns = |account| order.iter().filter(|other| **other == account).count();
        assert_eq!((turns(slow), turns(fast)), (3, 30), "{order:?}");
    }

    #[test]
    fn who_comes_back_from_a_pause_has_no_credit() {
        let mut ledger = Ledger::new(1);
        let (busy, rare) = (ledger.open(), ledger.open());
        for _ in 0..100 {
            assert!(ledger.try_take(long(busy, 1)));
            assert!(ledger.give_back(long(busy, 1), MILLISECOND).is_empty());
        }
        assert!(ledger.try_take(long(busy, 1)));
        (0..9).for_each(|_| ledger.wait(long(rare, 1), rare));
        (0..9).for_each(|_| ledger.wait(long(busy, 1), busy));
        let mut running = busy;
        let order: Vec<_> = (0..6)
            .map(|_| {
                running = ledger.give_back(long(running, 1), MILLISECOND)[0];
                running
            })
            .collect();
        assert_eq!(order.iter().filter(|account| **account == rare).count(), 4, "{order:?}");
    }

    #[test]
    fn runs_of_many_threads_get_their_turn() {
        let mut ledger = Ledger::new(4);
        let (wide, narrow) = (ledger.open(), ledger.open());
        (0..4).for_each(|_| assert!(ledger.try_take(long(narrow, 1))));
        ledger.wait(long(wide, 4), wide);
        ledger.wait(long(narrow, 1), narrow);
        let called: Vec<_> = (0..4).flat_map(|_| ledger.give_back(long(narrow, 1), MILLISECOND)).collect();
        assert_eq!(called, [wide]);
        assert!(!ledger.try_take(long(narrow, 1)), "another one waits");
        assert_eq!(ledger.give_back(long(wide, 4), MILLISECOND), [narrow]);
    }

    #[test]
    fn short_runs_do_not_wait_for_long_ones() {
        let mut ledger = Ledger::<()>::new(1);
        let (slow, fast) = (ledger.open(), ledger.open());
        assert!(ledger.try_take(long(slow, 1)));
        let short = Claim { account: fast, lane: Lane::Short, permits: 1 };
        assert!(ledger.try_take(short));
        assert!(!ledger.try_take(short), "there is one permit of each kind");
    }

    proptest! {
        /// Whatever comes and goes: no permit is given twice or lost, and everybody is called.
        #[test]
        fn every_claim_is_called_and_every_permit_comes_back(
            cores in 1_usize..5,
            claims in prop::collection::vec((0_usize..4, 1_usize..5, any::<bool>(), 0_u64..20), 1..60),
        ) {
            let mut ledger = Ledger::new(cores);
            let accounts: Vec<_> = (0..4).map(|_| ledger.open()).collect();
            let (mut running, mut waiting) = (Vec::new(), 0);
            for (account, permits, is_short, took) in claims {
                let lane = if is_short { Lane::Short } else { Lane::Long };
                let claim = Claim { account: accounts[account], lane, permits: permits.min(cores) };
                if ledger.try_take(claim) {
                    running.push((claim, took));
                } else {
                    ledger.wait(claim, (claim, took));
                    waiting += 1;
                }
            }
            while let Some((claim, took)) = running.pop() {
                let called = ledger.give_back(claim, Duration::from_millis(took));
                waiting -= called.len();
                running.extend(called);
                for lane in [Lane::Short, Lane::Long] {
                    let used = running.iter().filter(|(claim, _)| claim.lane == lane).map(|(claim, _)| claim.permits);
                    prop_assert!(used.sum::<usize>() <= cores);
                }
            }
            prop_assert_eq!((waiting, ledger.free()), (0, (cores, cores)));
        }
    }
}
