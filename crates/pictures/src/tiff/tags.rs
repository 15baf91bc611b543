//! The tags that decide whether and how a file is read.

use ::tiff::tags::{ByteOrder, Tag};

use super::reader::{Reader, numbers};
use crate::error::Error;

/// Values of `Tag::PhotometricInterpretation`.
pub(super) const WHITE_IS_0: u16 = 0;
pub(super) const BLACK_IS_0: u16 = 1;
pub(super) const RGB: u16 = 2;
pub(super) const PALETTE: u16 = 3;

/// What `tiff` does not look at, or Pillow computes with.
pub(super) struct Tags {
    pub(super) photometric: u16,
    pub(super) compression: u16,
    /// Each channel is by itself.
    pub(super) planar: bool,
    /// The first bit of a byte is its lowest.
    pub(super) reversed: bool,
    predictor: u16,
    /// Kinds of the channels that are no colours.
    pub(super) extra: Vec<u16>,
    pub(super) bits: u16,
    /// The numbers are signed, or floats.
    signed: bool,
    pub(super) order: ByteOrder,
}

/// Values of `Tag::Compression`.
const NONE: u16 = 1;
const OLD_JPEG: u16 = 6;
pub(super) const JPEG: u16 = 7;

/// Values of `Tag::ExtraSamples`.
pub(super) const WITHOUT_MEANING: u16 = 0;
const MULTIPLIED_IN: u16 = 1;
pub(super) const ALPHA: u16 = 2;

impl Tags {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut first = |tag, otherwise| numbers(reader, tag).first().copied().unwrap_or(otherwise);
        Self {
            photometric: first(Tag::PhotometricInterpretation, WHITE_IS_0),
            compression: first(Tag::Compression, NONE),
            planar: first(Tag::PlanarConfiguration, 1) == 2,
            reversed: first(Tag::FillOrder, 1) == 2,
            predictor: first(Tag::Predictor, 1),
            bits: first(Tag::BitsPerSample, 1),
            signed: first(Tag::SampleFormat, 1) != 1,
            extra: numbers(reader, Tag::ExtraSamples),
            order: reader.byte_order(),
        }
    }

    /// Whether alpha is multiplied in.
    pub(super) fn multiplied(&self) -> bool {
        self.extra == [MULTIPLIED_IN]
    }

    /// What would be other pixels than Pillow's: kinds that it refuses, or in which it takes numbers for
    /// others.
    pub(super) fn refuse_rare(&self) -> Result<(), Error> {
        let of_colours = self.photometric == RGB && matches!(self.bits, 8 | 16);
        let known_extra = match self.extra[..] {
            [] | [ALPHA] => true,
            [MULTIPLIED_IN] => of_colours,
            [WITHOUT_MEANING] => of_colours || self.photometric == PALETTE || self.planar,
            _ => false,
        };
        let packed = self.compression != NONE;
        let what = if self.compression == OLD_JPEG {
            "compressed as JPEG in the old way"
        } else if self.compression == JPEG && (self.planar || self.reversed) {
            "compressed as JPEG in separate planes, or with its bits reversed"
        } else if !known_extra {
            "of alpha that is multiplied in, or of channels without meaning"
        } else if self.planar && !packed && !self.is_plain() {
            "of separate planes that are not packed, and not of plain bytes"
        } else if self.reversed && !self.is_reversible() {
            "of a rare kind, with the bits of its bytes reversed"
        } else if self.signed && self.bits > 8 && packed && self.order == ByteOrder::BigEndian {
            "of signed numbers or floats, packed, with the most significant byte first"
        } else if self.predictor == 2 && !matches!(self.compression, 5 | 8 | 32946) {
            // libtiff applies differences between neighbours in packed data alone.
            "of differences that are not packed"
        } else {
            return Ok(());
        };
        Err(Error::unread(format!("is a TIFF {what}")))
    }

    /// Whether numbers are bytes that mean what they are.
    fn is_plain(&self) -> bool {
        let is_changed = self.reversed || self.photometric == WHITE_IS_0;
        let known_extra = self.extra.is_empty() || (self.photometric == RGB && self.extra == [ALPHA]);
        self.bits == 8 && known_extra && !is_changed
    }

    /// Whether Pillow knows the kind with its bits reversed.
    fn is_reversible(&self) -> bool {
        let is_inverted = self.photometric == WHITE_IS_0 && self.bits == 8 && self.compression == NONE;
        let is_known = self.bits <= 8 && self.photometric <= PALETTE && self.extra.is_empty();
        is_known && !self.signed && !is_inverted
    }
}
