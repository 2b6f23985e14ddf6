//! Sets of categories, as bits.

/// Words of all sets of a model: more than any model has, and a bound on what a file can ask for.
const MAX_WORDS: usize = 1 << 25;

/// Sets that stand one after the other, each with its least category in the lowest bit of its first word.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// Where each set ends.
    ends: Vec<u32>,
    words: Vec<u32>,
}

impl Sets {
    /// The number of a new set of the categories whose bits are set; none if there are too many sets.
    pub(crate) fn push(&mut self, words: &[u32]) -> Option<u32> {
        if words.len() > MAX_WORDS - self.words.len() {
            return None;
        }
        let number = u32::try_from(self.ends.len()).ok()?;
        self.words.extend_from_slice(words);
        self.ends.push(u32::try_from(self.words.len()).ok()?);
        Some(number)
    }

    /// The number of a new set of these categories; none if there are too many sets, or too great categories.
    pub(crate) fn push_categories(&mut self, categories: &[u32]) -> Option<u32> {
        let length = categories.iter().max().map_or(0, |&greatest| greatest as usize / 32 + 1);
        if length > MAX_WORDS - self.words.len() {
            return None;
        }
        let mut words = vec![0; length];
        for &category in categories {
            words[category as usize / 32] |= 1 << (category % 32);
        }
        self.push(&words)
    }

    pub(super) fn contains(&self, set: u32, category: u32) -> bool {
        let set = set as usize;
        let start = if set == 0 { 0 } else { self.ends[set - 1] };
        let words = &self.words[start as usize..self.ends[set] as usize];
        words.get(category as usize / 32).is_some_and(|word| word >> (category % 32) & 1 == 1)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ends) + size_of_val(&*self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_own_categories_only() {
        let mut sets = Sets::default();
        let first = sets.push(&[0b1001]).unwrap();
        let none = sets.push(&[]).unwrap();
        let last = sets.push_categories(&[70, 2]).unwrap();
        let held = |set| (0..200).filter(|&category| sets.contains(set, category)).collect::<Vec<_>>();
        assert_eq!((held(first), held(none), held(last)), (vec![0, 3], vec![], vec![2, 70]));
        assert!(!sets.contains(last, u32::MAX));
    }

    #[test]
    fn a_category_does_not_take_all_memory() {
        assert_eq!(Sets::default().push_categories(&[u32::MAX]), None);
    }
}
