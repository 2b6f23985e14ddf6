//! Messages between `tonic` and the handlers: received ones stay bytes, so that the handler decides where they are decoded.

use std::marker::PhantomData;

use bytes::{Buf as _, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// Receives bytes and sends `R`.
#[derive(Debug)]
pub(super) struct Undecoded<R>(PhantomData<R>);

/// Takes a message out of what was received, without a copy.
#[derive(Debug)]
pub(super) struct Take;

impl<R> Default for Undecoded<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Message + 'static> Codec for Undecoded<R> {
    type Encode = R;
    type Decode = Bytes;
    type Encoder = ProstEncoder<R>;
    type Decoder = Take;

    fn encoder(&mut self) -> ProstEncoder<R> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Take {
        Take
    }
}

impl Decoder for Take {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
