//! Memory under a tensor: aligned bytes, and shared lists of strings.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;

/// A typed vector that lends out its memory as bytes.
pub(super) struct Elements<T>(pub(super) Vec<T>);

impl<T: bytemuck::NoUninit> AsRef<[u8]> for Elements<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// The same bytes, at an address that is a multiple of the element `size` (1, 2, 4 or 8).
pub(super) fn aligned(bytes: Bytes, size: usize) -> Bytes {
    if bytes.as_ptr().align_offset(size) == 0 {
        return bytes;
    }
    let mut words = vec![0_u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(&bytes);
    Bytes::from_owner(Elements(words)).slice(..bytes.len())
}

/// Pieces one after the other, in memory that is aligned for every dtype.
pub(super) fn joined<'a>(pieces: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    let length = pieces.clone().map(Bytes::len).sum::<usize>();
    let mut words = vec![0_u64; length.div_ceil(8)];
    let mut rest = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..length];
    for piece in pieces {
        let (place, behind) = rest.split_at_mut(piece.len());
        place.copy_from_slice(piece);
        rest = behind;
    }
    Bytes::from_owner(Elements(words)).slice(..length)
}

/// A shared list of byte strings.
#[derive(Clone, Debug)]
pub struct Strings {
    list: Arc<[Bytes]>,
    range: Range<usize>,
}

impl Strings {
    /// A part of the list, shared.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "the range lies in the list");
        let start = self.range.start;
        Self { list: Arc::clone(&self.list), range: start + range.start..start + range.end }
    }
}

impl Deref for Strings {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        &self.list[self.range.clone()]
    }
}

impl PartialEq for Strings {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<Bytes>> for Strings {
    fn from(strings: Vec<Bytes>) -> Self {
        Self { range: 0..strings.len(), list: strings.into() }
    }
}

impl From<Vec<String>> for Strings {
    fn from(strings: Vec<String>) -> Self {
        strings.into_iter().map(Bytes::from).collect::<Vec<_>>().into()
    }
}
