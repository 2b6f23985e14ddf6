//! Numbers as JSON spells them (RFC 8259, section 6), scanned eight digits at a time and turned into values exactly.
//!
//! Most numbers of a body have at most 19 digits and a small exponent. Their digits are an integer, their power of ten is
//! exact, and one division tells the value, or tells that it is too close to call. The standard library's parser reads
//! what is refused here, and is the oracle in tests.

/// A number in the text of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Bytes that it takes.
    pub(super) length: usize,
    negative: bool,
    /// All digits as one integer, which has wrapped if there are more than `MOST_DIGITS`.
    digits: u64,
    digit_count: usize,
    /// The power of ten that `digits` is to be multiplied by.
    exponent: i32,
}

/// Digits that any `u64` can hold.
const MOST_DIGITS: usize = 19;

/// Powers of ten that are exact as doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The doubles nearest to their inverses.
const INVERSES: [f64; 23] = {
    let mut inverses = POWERS;
    let mut exponent = 0;
    while exponent < inverses.len() {
        inverses[exponent] = 1.0 / POWERS[exponent];
        exponent += 1;
    }
    inverses
};

/// Powers of five that any `u64` can hold.
const FIVES: [u64; 28] = {
    let mut powers = [1; 28];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 5;
        exponent += 1;
    }
    powers
};

impl Number {
    /// The number at the start of the text, if there is one.
    #[expect(clippy::inline_always, reason = "a call hands its result over in memory, a tenth of the time of a body")]
    #[inline(always)]
    pub(super) fn scan(text: &[u8]) -> Option<Self> {
        let negative = text.first() == Some(&b'-');
        let start = usize::from(negative);
        let mut digits = 0;
        let mut at = each_digit(text, start, &mut digits);
        let mut digit_count = at - start;
        if digit_count == 0 || (digit_count > 1 && text[start] == b'0') {
            return None;
        }
        let mut exponent = 0;
        if text.get(at) == Some(&b'.') {
            let fraction = at + 1;
            at = many_digits(text, fraction, &mut digits);
            if at == fraction {
                return None;
            }
            digit_count += at - fraction;
            exponent = -i32::try_from(at - fraction).ok()?;
        }
        if matches!(text.get(at), Some(b'e' | b'E')) {
            let (written, end) = written_exponent(text, at + 1)?;
            at = end;
            exponent = written.saturating_add(exponent);
        }
        Some(Self { length: at, negative, digits, digit_count, exponent })
    }

    /// The nearest double, unless the digits or the exponent are too long.
    #[inline]
    pub(super) fn to_f64(self) -> Option<f64> {
        /// Up to here digits are exact as a double, so that their scaling is the only rounding (W. D. Clinger, "How to
        /// Read Floating Point Numbers Accurately", 1990).
        const EXACT: u64 = 1 << 53;
        let magnitude = if self.digits <= EXACT { self.approximate() } else { self.quotient() };
        magnitude.map(|magnitude| self.signed(magnitude))
    }

    /// The nearest single, unless the number is too close to the middle between two of them to tell from a double that is
    /// a few units of its last place off.
    #[inline]
    pub(super) fn to_f32(self) -> Option<f32> {
        /// Bits of a double that a single does not have, and where they stand for the middle between two singles.
        const SPARE: u64 = (1 << 29) - 1;
        const MIDDLE: u64 = 1 << 28;
        /// Three roundings are off by less than two units.
        const DOUBT: u64 = 4;
        let double = self.estimate()?;
        if (double.to_bits() & SPARE).abs_diff(MIDDLE) <= DOUBT {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounds to nearest, and the middle is out of reach")]
        Some(self.signed(double) as f32)
    }

    /// The value, if it is whole and the digits do not wrap.
    pub(super) fn to_integer(self) -> Option<i128> {
        if self.digit_count > MOST_DIGITS {
            return None;
        }
        let scaled = match (10_u64.checked_pow(self.exponent.unsigned_abs()), self.exponent < 0) {
            _ if self.digits == 0 => 0,
            (None, _) => return None,
            (Some(power), false) => self.digits.checked_mul(power)?,
            (Some(power), true) => self.digits.is_multiple_of(power).then_some(self.digits / power)?,
        };
        let magnitude = i128::from(scaled);
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// A double that is up to three roundings off: those of [`Self::approximate`], and that of a power's inverse. To
    /// multiply takes a quarter of the time of a division.
    #[inline]
    fn estimate(self) -> Option<f64> {
        let scale = if self.exponent < 0 { &INVERSES } else { &POWERS };
        let scale = scale.get(usize::try_from(self.exponent.unsigned_abs()).ok()?)?;
        let scaled = self.digits_as_f64() * scale;
        (self.digit_count <= MOST_DIGITS).then_some(scaled)
    }

    /// The double that is nearest to the digits.
    #[inline]
    fn digits_as_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "rounds to nearest")]
        // Processors convert signed integers in one step.
        i64::try_from(self.digits).map_or(self.digits as f64, |digits| digits as f64)
    }

    /// The double after two roundings: of the digits, which is none below 2^53, and of their scaling. Where it is not 0 it
    /// lies between 1e-22 and 1e42.
    #[inline]
    fn approximate(self) -> Option<f64> {
        let power = *POWERS.get(usize::try_from(self.exponent.unsigned_abs()).ok()?)?;
        let digits = self.digits_as_f64();
        let scaled = if self.exponent < 0 { digits / power } else { digits * power };
        (self.digit_count <= MOST_DIGITS).then_some(scaled)
    }

    /// The nearest double of a fraction whose digits are not exact as a double: by a division of integers.
    fn quotient(self) -> Option<f64> {
        let decimals = usize::try_from(self.exponent.checked_neg()?).ok()?;
        let five = *FIVES.get(decimals).filter(|_| self.digit_count <= MOST_DIGITS)?;
        // digits / 10^decimals is quotient * 2^scale. Both sides are shifted so that the quotient has 63 bits or 64.
        let (widened, narrowed) = (self.digits.leading_zeros(), five.leading_zeros());
        let (dividend, divisor) = (u128::from(self.digits << widened) << 63, u128::from(five << narrowed));
        let scale = i64::from(narrowed) - i64::from(widened) - 63 - i64::try_from(decimals).ok()?;
        // The last bit, far below what a double holds, only tells that the quotient is not exact.
        let quotient = u64::try_from(dividend / divisor).ok()? | u64::from(dividend % divisor != 0);
        #[expect(clippy::cast_precision_loss, reason = "rounds to nearest")]
        let rounded = quotient as f64;
        // A power of two in the middle of a double's range, so that this product is exact.
        Some(rounded * f64::from_bits(u64::try_from(1023 + scale).ok()? << 52))
    }

    #[inline]
    fn signed(self, magnitude: f64) -> f64 {
        f64::from_bits(magnitude.to_bits() | u64::from(self.negative) << 63)
    }
}

/// The whole number at the start of the text and the bytes that it takes, if it has at most 16 digits and is spelled
/// without fraction and exponent.
#[expect(clippy::inline_always, reason = "as with `Number::scan`")]
#[inline(always)]
pub(super) fn short_integer(text: &[u8]) -> Option<(i64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (low, count) = Word::load(text, start)?.leading_digits();
    let (digits, count) = if count < Word::BYTES {
        (low, count)
    } else {
        let (high, more) = Word::load(text, start + Word::BYTES)?.leading_digits();
        (low * TENS[more] + high, count + more)
    };
    let length = start + count;
    let goes_on = matches!(text.get(length), None | Some(b'0'..=b'9' | b'.' | b'e' | b'E'));
    if count == 0 || goes_on || (count > 1 && text[start] == b'0') {
        return None;
    }
    let magnitude = i64::try_from(digits).ok()?;
    Some((if negative { -magnitude } else { magnitude }, length))
}

/// What an exponent says, and where it ends.
fn written_exponent(text: &[u8], start: usize) -> Option<(i32, usize)> {
    let negative = text.get(start) == Some(&b'-');
    let start = start + usize::from(matches!(text.get(start), Some(b'-' | b'+')));
    let mut exponent = 0_i32;
    let mut at = start;
    while let Some(digit) = digit(text, at) {
        exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit));
        at += 1;
    }
    (at > start).then_some((if negative { -exponent } else { exponent }, at))
}

/// Appends the digits from `at` on, one by one: for integral parts, which are short. Returns where they end.
#[inline]
fn each_digit(text: &[u8], mut at: usize, digits: &mut u64) -> usize {
    while let Some(digit) = digit(text, at) {
        *digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

/// Appends the digits from `at` on, sixteen at once: for fractions. No branch depends on how many there are up to sixteen,
/// since that is what processors guess wrong in a body of numbers. Returns where they end.
#[expect(clippy::inline_always, reason = "as with `Number::scan`")]
#[inline(always)]
fn many_digits(text: &[u8], at: usize, digits: &mut u64) -> usize {
    let (Some(first), Some(second)) = (Word::load(text, at), Word::load(text, at + Word::BYTES)) else {
        return each_digit(text, at, digits);
    };
    let (high, high_count) = first.leading_digits();
    // All bits or none, for compilers make a branch of an `if`.
    let goes_on = usize::from(high_count == Word::BYTES).wrapping_neg();
    let low_count = second.digit_count() & goes_on;
    let low = second.value(low_count);
    let count = high_count + low_count;
    *digits = digits.wrapping_mul(TENS[count]).wrapping_add(high * TENS[low_count] + low);
    if count < 2 * Word::BYTES { at + count } else { each_digit(text, at + count, digits) }
}

#[inline]
fn digit(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
}

/// Powers of ten up to two words of digits.
const TENS: [u64; 2 * Word::BYTES + 1] = {
    let mut powers = [1; 2 * Word::BYTES + 1];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// Eight bytes of text, the first one lowest.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    const BYTES: usize = 8;
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

    #[inline]
    fn load(text: &[u8], at: usize) -> Option<Self> {
        Some(Self(u64::from_le_bytes(*text.get(at..)?.first_chunk()?)))
    }

    /// The digits before the first byte that is none, as a number, and how many they are.
    #[inline]
    fn leading_digits(self) -> (u64, usize) {
        let count = self.digit_count();
        (self.value(count), count)
    }

    /// Bytes before the first one that is no digit: above '9' the one addition sets its highest bit, below '0' the
    /// subtraction does, which may spill into later bytes only.
    #[inline]
    fn digit_count(self) -> usize {
        const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
        let above_nine = self.0.wrapping_add(u64::from_le_bytes([0x7f - b'9'; 8]));
        let below_zero = self.0.wrapping_sub(Self::ZEROS);
        ((above_nine | below_zero) & HIGHEST).trailing_zeros() as usize / 8
    }

    /// The number that the first `count` bytes spell, which are digits: shifted to the end, so that zeros lead.
    #[inline]
    fn value(self, count: usize) -> u64 {
        let half = 4 * (Self::BYTES - count);
        let digits = self.0.wrapping_sub(Self::ZEROS) << half << half;
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let even = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
        let odd = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
        even.wrapping_add(odd) >> 32
    }
}
