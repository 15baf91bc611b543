//! JPEG, by libjpeg-turbo's decoder as it stands in mozjpeg: the accurate integer transform and
//! the smooth upsampling of colours that Pillow uses too, hence its pixels.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::RgbImage;
use mozjpeg::{ColorSpace, Decompress, Marker};

use crate::error::Error;
use crate::orientation::{self, Orientation};
use crate::pixels::{check_size, from_cmyk, picture};

/// Of the files that Pillow opens, those are not that libjpeg-turbo has learnt to read since the
/// fork: lossless ones, of which cameras and scanners write none.
pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    let Decoded { width, height, samples, channels, orientation } = samples(bytes, check_size)?;
    let picture = match channels {
        1 => picture(width, height, samples.into_iter().map(|grey| [grey; 3])),
        3 => RgbImage::from_raw(width, height, samples).ok_or(Error::Truncated),
        _ => picture(width, height, samples.as_chunks().0.iter().map(|&inks| from_cmyk(inks))),
    };
    Ok((picture?, orientation))
}

/// A JPEG's pixels, row by row.
pub(crate) struct Decoded {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The channels of a pixel stand together.
    pub(crate) samples: Vec<u8>,
    /// 1 of grey, 3 of RGB, or 4 of CMYK, which are as they are in the file.
    pub(crate) channels: usize,
    orientation: Orientation,
}

/// Decodes a JPEG, and leaves its kind of colours. `check` refuses widths and heights before.
pub(crate) fn samples(
    bytes: &[u8],
    check: impl FnOnce(u32, u32) -> Result<(), Error>,
) -> Result<Decoded, Error> {
    let over = Cell::new(false);
    let start = || {
        let decoder = Decompress::builder()
            .with_markers(&[Marker::APP(1)])
            .from_reader(Bytes { bytes, over: &over })
            .map_err(Error::damaged)?;
        check(decoder.width() as u32, decoder.height() as u32)?;
        let orientation = orientation(&decoder);
        let channels = decoder.components().len();
        let colours = match channels {
            1 => ColorSpace::JCS_GRAYSCALE,
            3 => ColorSpace::JCS_RGB,
            4 => ColorSpace::JCS_CMYK,
            count => return Err(Error::unread(format!("is a JPEG of {count} components"))),
        };
        let mut started = decoder.to_colorspace(colours).map_err(Error::damaged)?;
        let samples: Vec<u8> = started.read_scanlines().map_err(Error::damaged)?;
        let (width, height) = (started.width() as u32, started.height() as u32);
        Ok((started, Decoded { width, height, samples, channels, orientation }))
    };
    let (started, decoded) = catch(&over, start)?;
    // All rows are there: that no end marker follows them is no fault, but more damage is.
    match catch(&over, || started.finish().map_err(Error::damaged)) {
        Ok(()) | Err(Error::Truncated) => Ok(decoded),
        Err(error) => Err(error),
    }
}

/// What `decode` gives. libjpeg ends what it cannot go on with by unwinding to here, past the
/// hook for panics. `over` says whether it wanted more data than there are.
fn catch<T>(over: &Cell<bool>, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        _ if over.get() => Err(Error::Truncated),
        Ok(result) => result,
        Err(reason) => {
            let reason = reason.downcast_ref::<String>().map_or("its decoder failed", |reason| reason);
            Err(Error::damaged(reason.trim_start_matches("libjpeg fatal error: ")))
        }
    }
}

fn orientation<R>(decoder: &Decompress<R>) -> Orientation {
    let (mut exif, mut xmp) = (Vec::new(), None);
    for marker in decoder.markers() {
        if marker.data.starts_with(b"Exif\0\0") {
            // Data longer than a marker go on in the next.
            exif.extend_from_slice(if exif.is_empty() { marker.data } else { &marker.data[6..] });
        } else if let Some(rest) = marker.data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            xmp = Some(rest);
        }
    }
    orientation::find(Some(&exif), xmp)
}

/// The file, which says when more is asked for than there is. libjpeg would go on with an
/// invented end, and grey.
struct Bytes<'a> {
    bytes: &'a [u8],
    over: &'a Cell<bool>,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl BufRead for Bytes<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() {
            self.over.set(true);
            return Err(io::Error::other("the data end before the picture does"));
        }
        Ok(self.bytes)
    }

    fn consume(&mut self, count: usize) {
        self.bytes = &self.bytes[count..];
    }
}
