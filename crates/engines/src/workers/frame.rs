//! What goes over a worker's channel, as bytes: pure, and no trust in what a worker writes.
//!
//! A frame is one datagram: sixteen bytes of header, then a descriptor for each tensor or a text, then, from the next
//! multiple of [`ALIGNMENT`] on, tensors that are small. Those of a message that are larger together than
//! [`MOST_INLINE`] lie in the arena. All integers are little-endian; tensors have their raw form
//! ([`loadonce_core::tensor::raw`]). The Python side of this is `frames.py`.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes};
use loadonce_core::tensor::{MAX_RANK, raw};
use loadonce_core::{DType, Shape, Tensor};

/// Bytes of a datagram, at most.
pub(crate) const MOST_BYTES: usize = 128 << 10;

/// Tensors begin at multiples of this, in a datagram and in the arena.
const ALIGNMENT: usize = 64;

/// Bytes of a message's tensors that go in the datagram.
const MOST_INLINE: usize = 64 << 10;

const HEADER: usize = 16;
const DESCRIPTOR: usize = 24;
const AXIS: usize = 8;

const RUN: u8 = 1;
const STOP: u8 = 2;
const READY: u8 = 16;
const ANSWER: u8 = 17;
const REFUSED: u8 = 18;
const FAILED: u8 = 19;

/// Codes of the dtypes; those of no other place.
const DTYPES: [(u8, DType); 14] = [
    (1, DType::Bool),
    (2, DType::Uint8),
    (3, DType::Uint16),
    (4, DType::Uint32),
    (5, DType::Uint64),
    (6, DType::Int8),
    (7, DType::Int16),
    (8, DType::Int32),
    (9, DType::Int64),
    (10, DType::Fp16),
    (11, DType::Fp32),
    (12, DType::Fp64),
    (13, DType::Bf16),
    (14, DType::Bytes),
];

/// Tensors on their way: what is to be written into the arena, and then sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) datagram: Vec<u8>,
    /// Each at that many bytes from the arena's begin.
    pub(crate) arena: Vec<(u64, Bytes)>,
}

/// What a worker hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// A run with these inputs is asked for.
    Run { run: u64, inputs: Vec<Placed> },
    /// It is to end.
    Stop,
}

/// What a worker says in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It answers from here on.
    Ready,
    /// A run's input makes no sense to the model.
    Refused { run: u64 },
    /// The model failed in a run, or, in run 0, before it was ready.
    Failed { run: u64 },
}

/// What a worker says.
#[derive(Debug, PartialEq)]
pub(crate) enum Said<'a> {
    /// It answers from here on; JSON.
    Ready(&'a str),
    /// The outputs of a run.
    Outputs { run: u64, outputs: Vec<Placed> },
    /// The run's input makes no sense to the model; JSON.
    Refused { run: u64, reason: &'a str },
    /// The model failed in the run, or before it was ready; JSON.
    Failed { run: u64, reason: &'a str },
}

/// A tensor that is to be read from where it lies.
#[derive(Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    pub(crate) place: Place,
}

/// Where a tensor's bytes lie, within bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the datagram.
    Inline(Range<usize>),
    /// In the arena.
    Arena { offset: u64, length: usize },
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a message of {0} bytes is cut short")]
    Short(usize),
    #[error("message kind {0} is unknown")]
    Kind(u8),
    #[error("dtype {0} is unknown")]
    DType(u8),
    #[error("place {0} is unknown")]
    Place(u8),
    #[error("a tensor of {0} axes, more than {MAX_RANK}")]
    Rank(u8),
    #[error("a tensor's bytes lie outside of what they should be in")]
    Bounds,
    #[error("the text is not UTF-8")]
    Text,
    #[error(
        "the tensors take {needed} bytes, the arena has {capacity}; send fewer rows, or for a model in Python raise 'arena_bytes' in [options]"
    )]
    Arena { needed: u64, capacity: u64 },
    #[error("{0} tensors with so many axes do not fit a message")]
    Tensors(usize),
}

/// Asks for a run of these inputs.
pub(crate) fn run(number: u64, inputs: &[Tensor], capacity: u64) -> Result<Message, FrameError> {
    message(RUN, number, inputs, capacity)
}

/// Answers a run with these outputs.
pub(crate) fn answer(run: u64, outputs: &[Tensor], capacity: u64) -> Result<Message, FrameError> {
    message(ANSWER, run, outputs, capacity)
}

fn message(kind: u8, number: u64, tensors: &[Tensor], capacity: u64) -> Result<Message, FrameError> {
    let contents: Vec<_> = tensors.iter().map(raw::to_bytes).collect();
    let meta = HEADER + tensors.iter().map(|tensor| DESCRIPTOR + AXIS * tensor.shape().len()).sum::<usize>();
    let begin = meta.next_multiple_of(ALIGNMENT);
    let length: usize = contents.iter().map(|content| content.len().next_multiple_of(ALIGNMENT)).sum();
    let count = u16::try_from(tensors.len()).map_err(|_| FrameError::Tensors(tensors.len()))?;
    if begin > MOST_BYTES - MOST_INLINE {
        return Err(FrameError::Tensors(tensors.len()));
    }
    let inline = length <= MOST_INLINE;
    let needed = length as u64;
    if !inline && needed > capacity {
        return Err(FrameError::Arena { needed, capacity });
    }
    let mut datagram = Vec::with_capacity(if inline { begin + length } else { meta });
    put_header(&mut datagram, kind, count, meta, number);
    let mut offset = 0;
    let mut arena = Vec::new();
    for (tensor, content) in tensors.iter().zip(&contents) {
        put_descriptor(&mut datagram, tensor, !inline, offset, content.len());
        if !inline {
            arena.push((offset as u64, content.clone()));
        }
        offset += content.len().next_multiple_of(ALIGNMENT);
    }
    if inline {
        for content in contents {
            datagram.resize(datagram.len().next_multiple_of(ALIGNMENT), 0);
            datagram.extend_from_slice(&content);
        }
    }
    Ok(Message { datagram, arena })
}

/// Asks the worker to end.
pub(crate) fn stop() -> Vec<u8> {
    let mut datagram = Vec::with_capacity(HEADER);
    put_header(&mut datagram, STOP, 0, HEADER, 0);
    datagram
}

/// A worker's word, with JSON of so many bytes at most as a datagram takes.
pub(crate) fn say(word: Word, json: &str) -> Vec<u8> {
    let (kind, run) = match word {
        Word::Ready => (READY, 0),
        Word::Refused { run } => (REFUSED, run),
        Word::Failed { run } => (FAILED, run),
    };
    let json = json.as_bytes().get(..MOST_BYTES - HEADER).unwrap_or(json.as_bytes());
    let mut datagram = Vec::with_capacity(HEADER + json.len());
    put_header(&mut datagram, kind, 0, HEADER + json.len(), run);
    datagram.extend_from_slice(json);
    datagram
}

/// Reads what a worker is told, which has an arena of `capacity` bytes.
pub(crate) fn hear(datagram: &[u8], capacity: u64) -> Result<Heard, FrameError> {
    let header = Header::read(datagram)?;
    match header.kind {
        STOP => Ok(Heard::Stop),
        RUN => Ok(Heard::Run { run: header.run, inputs: header.placed(datagram, capacity)? }),
        other => Err(FrameError::Kind(other)),
    }
}

/// Reads what a worker said, who has an arena of `capacity` bytes.
pub(crate) fn read(datagram: &[u8], capacity: u64) -> Result<Said<'_>, FrameError> {
    let header = Header::read(datagram)?;
    let run = header.run;
    if header.kind == ANSWER {
        return Ok(Said::Outputs { run, outputs: header.placed(datagram, capacity)? });
    }
    let described = header.described(datagram)?;
    let text = str::from_utf8(described).map_err(|_| FrameError::Text)?;
    match header.kind {
        READY => Ok(Said::Ready(text)),
        REFUSED => Ok(Said::Refused { run, reason: text }),
        FAILED => Ok(Said::Failed { run, reason: text }),
        other => Err(FrameError::Kind(other)),
    }
}

/// The first bytes of a message.
struct Header {
    kind: u8,
    count: u16,
    /// Where descriptors or a text end that begin behind the header.
    meta: usize,
    run: u64,
}

impl Header {
    fn read(datagram: &[u8]) -> Result<Self, FrameError> {
        let mut header = datagram.get(..HEADER).ok_or(FrameError::Short(datagram.len()))?;
        let (kind, _, count) = (header.get_u8(), header.get_u8(), header.get_u16_le());
        Ok(Self { kind, count, meta: header.get_u32_le() as usize, run: header.get_u64_le() })
    }

    fn described<'d>(&self, datagram: &'d [u8]) -> Result<&'d [u8], FrameError> {
        datagram.get(HEADER..self.meta).ok_or(FrameError::Short(datagram.len()))
    }

    fn placed(&self, datagram: &[u8], capacity: u64) -> Result<Vec<Placed>, FrameError> {
        let bounds = Bounds { datagram: datagram.len(), arena: capacity };
        placed(self.described(datagram)?, self.count, self.meta.next_multiple_of(ALIGNMENT), &bounds)
    }
}

/// How far tensors may reach.
struct Bounds {
    datagram: usize,
    arena: u64,
}

fn placed(mut described: &[u8], count: u16, begin: usize, bounds: &Bounds) -> Result<Vec<Placed>, FrameError> {
    let mut tensors = Vec::with_capacity(usize::from(count).min(described.len() / DESCRIPTOR));
    for _ in 0..count {
        let short = FrameError::Short(described.len());
        let (mut fixed, rest) = described.split_at_checked(DESCRIPTOR).ok_or(short.clone())?;
        let (code, rank, place, _) = (fixed.get_u8(), fixed.get_u8(), fixed.get_u8(), fixed.get_u8());
        fixed.advance(size_of::<u32>());
        let (offset, length) = (fixed.get_u64_le(), fixed.get_u64_le());
        let dtype = DTYPES.iter().find(|(own, _)| *own == code).ok_or(FrameError::DType(code))?.1;
        if usize::from(rank) > MAX_RANK {
            return Err(FrameError::Rank(rank));
        }
        let (axes, rest) = rest.split_at_checked(AXIS * usize::from(rank)).ok_or(short)?;
        described = rest;
        let shape = shape(axes)?;
        let place = bounds.place(place, begin, offset, length)?;
        tensors.push(Placed { dtype, shape, place });
    }
    Ok(tensors)
}

fn shape(axes: &[u8]) -> Result<Shape, FrameError> {
    let axes = axes.as_chunks::<AXIS>().0.iter().map(|axis| usize::try_from(u64::from_le_bytes(*axis)));
    axes.collect::<Result<Vec<_>, _>>().map(Shape::new).map_err(|_| FrameError::Bounds)
}

impl Bounds {
    fn place(&self, place: u8, begin: usize, offset: u64, length: u64) -> Result<Place, FrameError> {
        let end = offset.checked_add(length).ok_or(FrameError::Bounds)?;
        let size = |bytes: u64| usize::try_from(bytes).map_err(|_| FrameError::Bounds);
        match place {
            0 => {
                let end = begin.checked_add(size(end)?).filter(|end| *end <= self.datagram);
                let end = end.ok_or(FrameError::Bounds)?;
                Ok(Place::Inline(begin + size(offset)?..end))
            }
            1 if end <= self.arena => Ok(Place::Arena { offset, length: size(length)? }),
            1 => Err(FrameError::Bounds),
            other => Err(FrameError::Place(other)),
        }
    }
}

fn put_header(datagram: &mut Vec<u8>, kind: u8, count: u16, meta: usize, run: u64) {
    datagram.put_u8(kind);
    datagram.put_u8(0);
    datagram.put_u16_le(count);
    // At most a datagram.
    datagram.put_u32_le(u32::try_from(meta).unwrap_or(u32::MAX));
    datagram.put_u64_le(run);
}

fn put_descriptor(datagram: &mut Vec<u8>, tensor: &Tensor, in_arena: bool, offset: usize, length: usize) {
    let code = DTYPES.iter().find(|(_, dtype)| *dtype == tensor.dtype()).map_or(0, |(code, _)| *code);
    datagram.put_u8(code);
    // At most MAX_RANK.
    datagram.put_u8(u8::try_from(tensor.shape().len()).unwrap_or(u8::MAX));
    datagram.put_u8(u8::from(in_arena));
    datagram.put_u8(0);
    datagram.put_u32_le(0);
    datagram.put_u64_le(offset as u64);
    datagram.put_u64_le(length as u64);
    for axis in tensor.shape().iter() {
        datagram.put_u64_le(*axis as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer with the tensors of a request, as an echo writes it.
    fn echoed(asked: &Message) -> Vec<u8> {
        let mut answer = asked.datagram.clone();
        answer[0] = ANSWER;
        answer
    }

    fn floats(count: usize) -> Tensor {
        Tensor::zeros(DType::Fp32, Shape::new([count])).unwrap()
    }

    #[test]
    fn what_is_asked_reads_back() {
        let strings = Tensor::from_strings(Shape::new([2]), vec![Bytes::from("ab"), Bytes::new()]).unwrap();
        let numbers = Tensor::from_vec(Shape::new([1, 2]), vec![1.0_f32, 2.0]).unwrap();
        let asked = run(7, &[strings, numbers], 0).unwrap();
        assert!(asked.arena.is_empty());
        let answer = echoed(&asked);
        let Said::Outputs { run: 7, outputs } = read(&answer, 0).unwrap() else { panic!() };
        let read: Vec<_> = outputs.iter().map(|output| (output.dtype, output.shape.to_vec())).collect();
        assert_eq!(read, [(DType::Bytes, vec![2]), (DType::Fp32, vec![1, 2])]);
        let inline = outputs.iter().map(|output| match &output.place {
            Place::Inline(range) => (range.start % ALIGNMENT, &answer[range.clone()]),
            Place::Arena { .. } => panic!(),
        });
        let expected: [(usize, &[u8]); 2] = [(0, b"\x02\0\0\0ab\0\0\0\0"), (0, b"\0\0\x80?\0\0\0@")];
        assert_eq!(inline.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_large_goes_to_the_arena_and_no_further() {
        let large = [floats(20_000), floats(1)];
        let asked = run(1, &large, 1 << 20).unwrap();
        assert_eq!(
            asked.arena.iter().map(|(offset, bytes)| (*offset, bytes.len())).collect::<Vec<_>>(),
            [(0, 80_000), (80_000, 4)]
        );
        let answer = echoed(&asked);
        let Said::Outputs { outputs, .. } = read(&answer, 80_004).unwrap() else { panic!() };
        assert_eq!(outputs[1].place, Place::Arena { offset: 80_000, length: 4 });
        assert_eq!(read(&answer, 80_003), Err(FrameError::Bounds));
        assert_eq!(run(1, &large, 80_000).unwrap_err(), FrameError::Arena { needed: 80_064, capacity: 80_000 });
        assert!(run(1, &vec![floats(1); 3000], 1 << 20).is_err());
    }

    #[test]
    fn texts_are_told_by_their_kind() {
        assert_eq!(read(&say(Word::Ready, "{}"), 0), Ok(Said::Ready("{}")));
        assert_eq!(read(&say(Word::Refused { run: 3 }, "no"), 0), Ok(Said::Refused { run: 3, reason: "no" }));
        assert_eq!(read(&say(Word::Failed { run: 3 }, "no"), 0), Ok(Said::Failed { run: 3, reason: "no" }));
        let mut broken = say(Word::Ready, "?");
        broken[HEADER] = 0xff;
        assert_eq!(read(&broken, 0), Err(FrameError::Text));
        assert_eq!(read(&run(1, &[], 0).unwrap().datagram, 0), Err(FrameError::Kind(RUN)));
        assert_eq!(read(&stop()[..7], 0), Err(FrameError::Short(7)));
        assert_eq!(say(Word::Ready, &"x".repeat(MOST_BYTES)).len(), MOST_BYTES);
    }

    #[test]
    fn a_worker_hears_what_it_is_asked() {
        assert_eq!(hear(&stop(), 0), Ok(Heard::Stop));
        let Heard::Run { run: 7, inputs } = hear(&run(7, &[floats(2)], 0).unwrap().datagram, 0).unwrap() else {
            panic!()
        };
        assert_eq!((inputs[0].dtype, inputs[0].shape.to_vec()), (DType::Fp32, vec![2]));
        assert_eq!(hear(&say(Word::Ready, "{}"), 0), Err(FrameError::Kind(READY)));
        // An answer has the same form as a run.
        let Said::Outputs { run: 7, outputs } = read(&answer(7, &[floats(2)], 0).unwrap().datagram, 0).unwrap() else {
            panic!()
        };
        assert_eq!(outputs, inputs);
    }

    #[test]
    fn a_place_beyond_all_numbers_is_refused() {
        let mut answer = echoed(&run(1, &[floats(1)], 0).unwrap());
        answer[HEADER + 8..HEADER + 16].fill(0xff);
        answer[HEADER + 16..HEADER + 24].fill(0);
        assert_eq!(read(&answer, 0), Err(FrameError::Bounds));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_reach_beyond_their_bounds(mut datagram in proptest::collection::vec(any::<u8>(), 0..200), meta in 0_u32..200, count in 0_u16..4) {
            if let [kind, _, ..] = datagram.as_mut_slice() { *kind = ANSWER; }
            if datagram.len() >= 8 {
                datagram[2..4].copy_from_slice(&count.to_le_bytes());
                datagram[4..8].copy_from_slice(&meta.to_le_bytes());
            }
            if let Ok(Said::Outputs { outputs, .. }) = read(&datagram, 1000) {
                for Placed { place, .. } in outputs {
                    match place {
                        Place::Inline(range) => prop_assert!(datagram.get(range).is_some()),
                        Place::Arena { offset, length } => prop_assert!(offset + length as u64 <= 1000),
                    }
                }
            }
        }
    }
}
