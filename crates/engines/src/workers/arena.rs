//! Memory that a worker and the server share: the large tensors of one run at a time.
//!
//! The worker maps it. The server reads and writes it as the file that it also is, which costs a system call and spares
//! every doubt about memory that another process changes. It cannot be cut or grown, so that a worker's mapping holds.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::pread;

/// Memory is taken by what was written, not by the capacity.
#[derive(Debug)]
pub(crate) struct Arena {
    file: File,
    capacity: u64,
}

impl Arena {
    /// An arena of that many bytes.
    pub(crate) fn new(capacity: u64) -> io::Result<Self> {
        let file = File::from(memfd_create("loadonce-arena", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        file.set_len(capacity)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self { file, capacity })
    }

    /// The arena that a worker was given.
    pub(crate) fn given(descriptor: OwnedFd, capacity: u64) -> Self {
        Self { file: File::from(descriptor), capacity }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    pub(crate) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = offset + bytes.len() as u64;
            // As much room as it was made with, or a little more.
            if pread(&self.file, spare_capacity(&mut bytes), at)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl AsFd for Arena {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_size_stays() {
        let arena = Arena::new(1 << 30).unwrap();
        arena.write(1 << 29, b"tensor").unwrap();
        assert_eq!(arena.read((1 << 29) + 1, 5).unwrap(), b"ensor");
        assert!(arena.file.set_len(0).is_err());
        assert!(arena.read(1 << 30, 1).is_err());
    }
}
