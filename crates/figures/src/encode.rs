//! PNG files, small enough for a notebook.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::style::Colour;

/// Largest file without loss of colours, so that a committed notebook stays small.
const LARGEST: usize = 120_000;

/// Encodes `rgb`, rows of red, green, blue bytes, as a PNG; with a palette of 256
/// colours if the file would be large otherwise. Equal pictures give equal bytes.
pub(super) fn png(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let exact = write(rgb, width, height, None)?;
    if exact.len() <= LARGEST {
        return Ok(exact);
    }
    let pixels: Vec<Colour> = rgb.chunks_exact(3).map(|pixel| Colour(pixel[0], pixel[1], pixel[2])).collect();
    let (palette, indices) = quantise(&pixels);
    let palette: Vec<u8> = palette.iter().flat_map(|colour| [colour.0, colour.1, colour.2]).collect();
    write(&indices, width, height, Some(palette))
}

fn write(data: &[u8], width: u32, height: u32, palette: Option<Vec<u8>>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    match palette {
        Some(palette) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
            encoder.set_filter(png::Filter::NoFilter);
        }
        None => {
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_filter(png::Filter::Adaptive);
        }
    }
    let failed = |error: png::EncodingError| Error::Figure(error.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(data).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

/// A palette of at most 256 colours, and for each pixel the index of the nearest.
///
/// Half of the palette are the most frequent colours as they are, so flat areas keep
/// theirs; the other half stand for the mixtures at smoothed edges: the most frequent
/// colour of each of the most populated cells of a coarse grid.
fn quantise(pixels: &[Colour]) -> (Vec<Colour>, Vec<u8>) {
    let mut counts: HashMap<Colour, usize> = HashMap::new();
    pixels.iter().for_each(|pixel| *counts.entry(*pixel).or_default() += 1);
    let mut colours: Vec<(Colour, usize)> = counts.into_iter().collect();
    colours.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), (colour.0, colour.1, colour.2)));

    let (exact, rest) = colours.split_at(colours.len().min(128));
    let mut cells: HashMap<Colour, (Colour, usize)> = HashMap::new();
    for (colour, count) in rest {
        let cell = Colour(colour.0 >> 4, colour.1 >> 4, colour.2 >> 4);
        cells.entry(cell).or_insert((*colour, 0)).1 += count;
    }
    let mut cells: Vec<(Colour, usize)> = cells.into_values().collect();
    cells.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), (colour.0, colour.1, colour.2)));
    let palette: Vec<Colour> = exact.iter().chain(&cells).map(|(colour, _)| *colour).take(256).collect();

    let nearest =
        |colour: Colour| (0..palette.len()).min_by_key(|&k| distance(palette[k], colour)).unwrap_or(0);
    let index: HashMap<Colour, u8> =
        colours.iter().map(|(colour, _)| (*colour, nearest(*colour) as u8)).collect();
    let indices = pixels.iter().map(|pixel| index[pixel]).collect();
    (palette, indices)
}

fn distance(a: Colour, b: Colour) -> i32 {
    let square = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(file: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        rgb
    }

    #[test]
    fn a_small_picture_is_exact() {
        let rgb: Vec<u8> = (0..48 * 10 * 3).map(|k| (k * 7 % 256) as u8).collect();
        assert_eq!(decode(&png(&rgb, 48, 10).unwrap()), rgb);
    }

    #[test]
    fn a_large_picture_keeps_flat_areas_and_comes_near_elsewhere() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 24) as u8
        };
        let mut rgb: Vec<u8> = (0..400 * 400).flat_map(|_| [noise(), 0x80, 0x20]).collect();
        rgb[..3 * 400 * 200].fill(0xfe);
        let file = png(&rgb, 400, 400).unwrap();
        let read = decode(&file);
        assert_eq!(read[..3 * 400 * 200], rgb[..3 * 400 * 200]);
        assert!(read.iter().zip(&rgb).all(|(a, b)| a.abs_diff(*b) <= 8));
        assert_eq!(file, png(&rgb, 400, 400).unwrap());
    }
}
