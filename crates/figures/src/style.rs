//! Colours, sizes and line widths that all figures share.

/// An opaque colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Matching pairs, and the modality U.
    pub const MATCHING: Self = Self(0x1f, 0x66, 0xb5);
    /// Non-matching pairs, and the modality V.
    pub const NON_MATCHING: Self = Self(0xd1, 0x2f, 0x2f);
    /// Theory, bounds, references.
    pub const THEORY: Self = Self(0x33, 0x33, 0x33);

    /// The band that a margin leaves free.
    pub const BAND: Self = Self(0xe0, 0xb0, 0x30);
    /// Plain text.
    pub const TEXT: Self = Self(0x22, 0x22, 0x22);
    /// Text of lesser weight.
    pub const GREY: Self = Self(0x70, 0x70, 0x70);
    /// An answer that is right.
    pub const RIGHT: Self = Self(0x00, 0x7a, 0x58);
    /// An answer that is wrong.
    pub const WRONG: Self = Self(0xb8, 0x46, 0x00);

    pub(super) const WHITE: Self = Self(0xff, 0xff, 0xff);
    pub(super) const FRAME: Self = Self(0x55, 0x55, 0x55);
    pub(super) const GRID: Self = Self(0xe6, 0xe6, 0xe6);

    /// This colour mixed with white: `tint(0.0)` is white, `tint(1.0)` the colour itself.
    pub fn tint(self, strength: f64) -> Self {
        Self::WHITE.mix(self, strength)
    }

    /// The colour `part` of the way from this one to `other`.
    pub(super) fn mix(self, other: Self, part: f64) -> Self {
        let channel = |a: u8, b: u8| {
            (f64::from(a) + part.clamp(0.0, 1.0) * (f64::from(b) - f64::from(a))).round() as u8
        };
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }
}

/// Okabe and Ito's palette, told apart with any colour vision, without its yellow,
/// which is too faint on white.
const QUALITATIVE: [Colour; 7] = [
    Colour(0x00, 0x72, 0xb2),
    Colour(0xd5, 0x5e, 0x00),
    Colour(0x00, 0x9e, 0x73),
    Colour(0xb8, 0x5c, 0x93),
    Colour(0xe6, 0x9f, 0x00),
    Colour(0x56, 0xb4, 0xe9),
    Colour(0x33, 0x33, 0x33),
];

/// Viridis at nine equidistant places.
const VIRIDIS: [Colour; 9] = [
    Colour(0x44, 0x01, 0x54),
    Colour(0x47, 0x2d, 0x7b),
    Colour(0x3b, 0x52, 0x8b),
    Colour(0x2c, 0x72, 0x8e),
    Colour(0x21, 0x91, 0x8c),
    Colour(0x28, 0xae, 0x80),
    Colour(0x5e, 0xc9, 0x62),
    Colour(0xad, 0xdc, 0x30),
    Colour(0xfd, 0xe7, 0x25),
];

/// The colour of curve `index` of `count`: qualitative while those suffice, else a
/// sequence from dark to light, for curves that are ordered by a parameter.
pub(super) fn series_colour(index: usize, count: usize) -> Colour {
    match count <= QUALITATIVE.len() {
        true => QUALITATIVE[index % QUALITATIVE.len()],
        // The last sixth is too light for lines on white.
        false => viridis(0.84 * index as f64 / (count - 1) as f64),
    }
}

/// Viridis at `place` in 0..=1.
pub(super) fn viridis(place: f64) -> Colour {
    let place = place.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let index = (place as usize).min(VIRIDIS.len() - 2);
    VIRIDIS[index].mix(VIRIDIS[index + 1], place - index as f64)
}

// Sizes in pixels of the finished picture.

pub(super) const TITLE: f64 = 25.0;
pub(super) const LABEL: f64 = 21.0;
pub(super) const TICK: f64 = 18.0;
/// Distance between base lines, in units of the font size.
pub(super) const LEADING: f64 = 1.3;
/// White border of a figure.
pub(super) const BORDER: f64 = 24.0;
pub(super) const CURVE: f64 = 2.4;
pub(super) const HAIRLINE: f64 = 1.0;
pub(super) const DASH: (f64, f64) = (10.0, 6.0);
pub(super) const DOT: f64 = 5.0;
