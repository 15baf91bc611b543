//! Colours, sizes and line widths that all figures share.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont as _, TextStyle};
use plotters_backend::BackendColor;

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
    /// An answer that is right.
    pub const RIGHT: Self = Self(0x00, 0x7a, 0x58);
    /// An answer that is wrong.
    pub const WRONG: Self = Self(0xb8, 0x46, 0x00);

    pub(super) const WHITE: Self = Self(0xff, 0xff, 0xff);
    pub(super) const FRAME: Self = Self(0x55, 0x55, 0x55);
    pub(super) const GRID: Self = Self(0xe6, 0xe6, 0xe6);

    /// This colour mixed with white: `tint(0.0)` is white, `tint(1.0)` the colour itself.
    pub fn tint(self, strength: f64) -> Self {
        Self::WHITE.towards(self, strength)
    }

    /// The colour `part` of the way from this one to `other`.
    pub(super) fn towards(self, other: Self, part: f64) -> Self {
        let channel = |a: u8, b: u8| {
            (f64::from(a) + part.clamp(0.0, 1.0) * (f64::from(b) - f64::from(a))).round() as u8
        };
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }
}

impl Color for Colour {
    fn to_backend_color(&self) -> BackendColor {
        BackendColor { rgb: (self.0, self.1, self.2), alpha: 1.0 }
    }
}

/// Okabe and Ito's palette, told apart with any colour vision, without its yellow,
/// which is too faint on white.
const QUALITATIVE: [u32; 7] = [0x0072b2, 0xd55e00, 0x009e73, 0xb85c93, 0xe69f00, 0x56b4e9, 0x333333];

/// Viridis at nine equidistant places; plotters' own has four.
const VIRIDIS: [u32; 9] =
    [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725];

fn hexadecimal(colour: u32) -> Colour {
    let [_, red, green, blue] = colour.to_be_bytes();
    Colour(red, green, blue)
}

/// The colour of curve `index` of `count`: qualitative while those suffice, else a
/// sequence from dark to light, for curves that are ordered by a parameter.
pub(super) fn series_colour(index: usize, count: usize) -> Colour {
    if count <= QUALITATIVE.len() {
        hexadecimal(QUALITATIVE[index % QUALITATIVE.len()])
    } else {
        // The last sixth is too light for lines on white.
        viridis(0.84 * index as f64 / (count - 1) as f64)
    }
}

/// Viridis at `place` in 0..=1.
pub(super) fn viridis(place: f64) -> Colour {
    let place = place.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let index = (place as usize).min(VIRIDIS.len() - 2);
    hexadecimal(VIRIDIS[index]).towards(hexadecimal(VIRIDIS[index + 1]), place - index as f64)
}

/// Points of the raster that is drawn on, to a pixel of the finished picture in each
/// direction. All sizes and places are in such points.
pub(super) const PIXEL: i32 = 3;

// Font sizes.
pub(super) const TITLE: i32 = 25 * PIXEL;
pub(super) const LABEL: i32 = 21 * PIXEL;
pub(super) const TICK: i32 = 18 * PIXEL;
/// White border of a figure.
pub(super) const BORDER: i32 = 24 * PIXEL;

// Widths of lines; lengths of dashes and of the gaps between them; radius of a dot.
pub(super) const CURVE: u32 = 8;
pub(super) const HAIRLINE: u32 = 3;
pub(super) const DASH: (i32, i32) = (24, 24);
pub(super) const DOT: i32 = 5 * PIXEL;

// Which point of a text is placed.
pub(super) const TOP: Pos = Pos { h_pos: HPos::Center, v_pos: VPos::Top };
pub(super) const BOTTOM: Pos = Pos { h_pos: HPos::Center, v_pos: VPos::Bottom };

/// Text of a font size, in the colour of text.
pub(super) fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&Colour::TEXT)
}
