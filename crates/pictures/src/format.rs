//! Which format a picture has.

use crate::error::Error;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, and the pictures of several JPEGs that cameras write (MPO): the first.
    Jpeg,
    /// PNG; of an animated one the picture that programs without animation show.
    Png,
    /// GIF; the first picture.
    Gif,
    /// Windows' bitmaps, with the header of a file or without (DIB).
    Bmp,
    /// TIFF; the first page.
    Tiff,
    /// WebP; the first picture.
    WebP,
}

impl Format {
    /// The format of a file by its first bytes, as Pillow tells it.
    ///
    /// # Errors
    /// If it is none that is read; of some the error says which.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        match bytes {
            [] => Err(Error::Empty),
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 13, 10, 26, 10, ..] => Ok(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'B', b'M', ..] | [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => Ok(Self::Bmp),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => Err(Error::unread(match brand {
                [b'a', b'v', b'i', b'f' | b's', ..] => "is an AVIF",
                _ => "is a HEIC, or a film",
            })),
            [0xFF, 0x0A, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => Err(Error::unread("is a JPEG XL")),
            [0, 0, 0, 12, b'j', b'P', ..] | [0xFF, 0x4F, 0xFF, 0x51, ..] => {
                Err(Error::unread("is a JPEG 2000"))
            }
            [b'8', b'B', b'P', b'S', ..] => Err(Error::unread("is a drawing of Photoshop")),
            _ if bytes.starts_with(b"version https://git-lfs") || bytes.starts_with(b"/annex/objects/") => {
                Err(Error::Pointer)
            }
            _ => Err(Error::Unknown),
        }
    }

    /// Whether a file of that name, with or without folders, is taken for a picture that is read.
    pub fn is_named(name: &str) -> bool {
        const ENDINGS: [&str; 15] = [
            "jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "mpo", "png", "apng", "gif", "bmp", "dib", "tif",
            "tiff", "webp",
        ];
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let ending = base.rsplit_once('.').map_or("", |(_, ending)| ending);
        ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    }
}
