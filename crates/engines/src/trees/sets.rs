//! Sets of categories: bits where that is short, else the categories in order, so that a set takes no more memory than
//! the file that lists it.

/// Sets that stand one after the other.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    sets: Vec<Set>,
    words: Vec<u32>,
}

/// Where a set's words are, and what they mean.
#[derive(Clone, Copy, Debug)]
struct Set {
    start: u32,
    length: u32,
    are_bits: bool,
}

/// Words of bits that a set may have in any case: for 256 categories.
const FREE_WORDS: usize = 8;

impl Sets {
    /// The number of a new set of the categories whose bits are set, the least category first; none if there are too
    /// many sets.
    pub(crate) fn push_bits(&mut self, bits: &[u32]) -> Option<u32> {
        self.push(bits, true)
    }

    /// The number of a new set of these categories; none if there are too many sets.
    pub(crate) fn push_categories(&mut self, categories: &[u32]) -> Option<u32> {
        let length = categories.iter().max().map_or(0, |&greatest| greatest as usize / 32 + 1);
        if length > FREE_WORDS.max(categories.len()) {
            let mut sorted = categories.to_vec();
            sorted.sort_unstable();
            return self.push(&sorted, false);
        }
        let mut bits = vec![0; length];
        for &category in categories {
            bits[category as usize / 32] |= 1 << (category % 32);
        }
        self.push_bits(&bits)
    }

    pub(super) fn contains(&self, set: u32, category: u32) -> bool {
        let Set { start, length, are_bits } = self.sets[set as usize];
        let words = &self.words[start as usize..][..length as usize];
        if are_bits {
            words.get(category as usize / 32).is_some_and(|word| word >> (category % 32) & 1 == 1)
        } else {
            words.binary_search(&category).is_ok()
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets) + size_of_val(&*self.words)
    }

    fn push(&mut self, words: &[u32], are_bits: bool) -> Option<u32> {
        let number = u32::try_from(self.sets.len()).ok()?;
        let start = u32::try_from(self.words.len()).ok()?;
        let length = u32::try_from(words.len()).ok()?;
        self.words.extend_from_slice(words);
        self.sets.push(Set { start, length, are_bits });
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_own_categories_only() {
        let mut sets = Sets::default();
        let first = sets.push_bits(&[0b1001]).unwrap();
        let none = sets.push_bits(&[]).unwrap();
        let few = sets.push_categories(&[70, 2]).unwrap();
        let far = sets.push_categories(&[u32::MAX, 5000, 3]).unwrap();
        let held = |set| (0..6000).filter(|&category| sets.contains(set, category)).collect::<Vec<_>>();
        assert_eq!([first, none, few, far].map(held), [vec![0, 3], vec![], vec![2, 70], vec![3, 5000]]);
        assert!(!sets.contains(few, u32::MAX) && sets.contains(far, u32::MAX));
    }

    #[test]
    fn a_great_category_takes_little_memory() {
        let mut sets = Sets::default();
        sets.push_categories(&[u32::MAX]);
        assert!(sets.bytes() < 64, "{}", sets.bytes());
    }
}
