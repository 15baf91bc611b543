//! Arrays as all versions of numpy, and others, write them.
#![allow(missing_docs)]

use std::{fs::File, io::Write, path::Path};

use files::npz::{NpzReader, NpzWriter};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A file of one array, `x`, with this header.
fn write(path: &Path, header: &str, data: &[u8]) {
    let mut npz = ZipWriter::new(File::create(path).unwrap());
    npz.start_file("x.npy", SimpleFileOptions::default()).unwrap();
    npz.write_all(b"\x93NUMPY\x01\x00").unwrap();
    npz.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    npz.write_all(&[header.as_bytes(), data].concat()).unwrap();
    npz.finish().unwrap();
}

fn described(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

#[test]
fn all_types_of_numbers_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let read = |descr: &str, data: &[u8]| {
        write(&path, &described(descr, "(2,)"), data);
        let array = NpzReader::open(&path).unwrap().array("x").unwrap();
        (array.doubles().unwrap(), array.indices().ok(), array.strings().ok())
    };
    let small = |descr: &str, data: &[u8]| {
        let (numbers, indices, labels) = read(descr, data);
        assert_eq!((numbers, indices), (vec![1.0, 2.0], Some(vec![1, 2])), "{descr}");
        assert_eq!(labels.unwrap(), ["1", "2"], "{descr}");
    };
    for descr in ["|i1", "|u1", "<i1", ">u1"] {
        small(descr, &[1, 2]);
    }
    for kind in ["i", "u"] {
        small(&format!("<{kind}2"), &[1, 0, 2, 0]);
        small(&format!(">{kind}2"), &[0, 1, 0, 2]);
        small(&format!("={kind}2"), &[1, 0, 2, 0]);
        small(&format!("<{kind}4"), &[1, 0, 0, 0, 2, 0, 0, 0]);
        small(&format!(">{kind}4"), &[0, 0, 0, 1, 0, 0, 0, 2]);
        small(&format!(">{kind}8"), &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
    assert_eq!(read("|b1", &[0, 1]), (vec![0.0, 1.0], Some(vec![0, 1]), Some(vec!["0".into(), "1".into()])));
    let (numbers, indices, labels) = read(">i2", &[0xff, 0xff, 0, 7]);
    assert_eq!((numbers, indices, labels), (vec![-1.0, 7.0], None, Some(vec!["-1".into(), "7".into()])));
    assert_eq!(read("<u8", &[0xff; 16]).2.unwrap()[0], u64::MAX.to_string());
    for (descr, data) in [
        (">f4", [1f32, -2.5].map(f32::to_be_bytes).concat()),
        (">f8", [1f64, -2.5].map(f64::to_be_bytes).concat()),
        (">f2", vec![0x3c, 0, 0xc1, 0]),
    ] {
        assert_eq!(read(descr, &data), (vec![1.0, -2.5], None, None), "{descr}");
    }
    // np.array([1, -2.5], dtype=np.longdouble).tobytes() on x86
    let one = [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f, 0, 0, 0, 0, 0, 0];
    let other = [0, 0, 0, 0, 0, 0, 0, 0xa0, 0, 0xc0, 0, 0, 0, 0, 0, 0];
    assert_eq!(read("<f16", &[one, other].concat()).0, [1.0, -2.5]);
}

/// On a device of the test's own, which only root can make; however much is written before it is full.
#[cfg(unix)]
#[test]
fn a_full_device_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    let made = std::process::Command::new("mknod").arg(&full).args(["c", "1", "7"]).status();
    let Ok(device) = File::options().write(true).open(&full) else {
        println!("no device could be made: {made:?}");
        return;
    };
    for count in [0, 10, 5000, 100_000] {
        let mut npz = NpzWriter::new(&device);
        let written = npz.numbers("x", &[count], std::iter::repeat_n(1f64, count));
        assert!(written.and_then(|()| npz.finish()).is_err(), "{count}");
    }
}

#[test]
fn text_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let text: Vec<u32> = "Zü京 ".chars().chain(['\0'; 2]).map(u32::from).collect();
    let wide = |order: fn(u32) -> [u8; 4]| text.iter().map(|&c| order(c)).collect::<Vec<_>>().concat();
    for (descr, data) in [("<U3", wide(u32::to_le_bytes)), (">U3", wide(u32::to_be_bytes))] {
        write(&path, &described(descr, "(2,)"), &data);
        assert_eq!(NpzReader::open(&path).unwrap().array("x").unwrap().strings().unwrap(), ["Zü京", " "]);
    }
    write(&path, &described("|S3", "(2,)"), b"ab\0cde");
    assert_eq!(NpzReader::open(&path).unwrap().array("x").unwrap().strings().unwrap(), ["ab", "cde"]);
}

#[test]
fn fortran_order_and_the_dialects_of_headers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    // numpy: np.arange(24).reshape(2, 3, 4), in Fortran order
    let in_memory: Vec<u8> =
        (0..24).map(|k| (k % 2) * 12 + (k / 2 % 3) * 4 + k / 6).flat_map(|n: u16| n.to_be_bytes()).collect();
    for header in [
        "{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3, 4), }",
        "{\"shape\":(2L,3L,4L),\"fortran_order\":True,\"descr\":\">u2\"}",
        "  { 'fortran_order' : True , 'descr' : u'>u2' , 'shape' : ( 2 , 3 , 4 , ) }   \n",
    ] {
        write(&path, header, &in_memory);
        let array = NpzReader::open(&path).unwrap().array("x").unwrap();
        assert_eq!(
            (&array.shape[..], array.indices().unwrap()),
            (&[2, 3, 4][..], (0..24).collect()),
            "{header}"
        );
    }
}

#[test]
fn what_numpy_would_unpickle_or_nobody_expects_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    for (header, word) in [
        (described("|O", "(2,)"), "Python objects"),
        (described("<c8", "(2,)"), "<c8"),
        (described("<M8[ns]", "(2,)"), "<M8[ns]"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }".to_owned(), "records"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (x,), }".to_owned(), "shape"),
        ("{'descr': '<f4', 'shape': (2,), }".to_owned(), "fortran_order"),
        (described("<f4", "(9,)"), "truncated"),
    ] {
        write(&path, &header, &[0; 16]);
        let error = NpzReader::open(&path).unwrap().array("x").err().unwrap();
        assert!(error.contains(word), "{header}: {error}");
    }
    write(&path, &described("<f4", "(2,)"), &[0; 8]);
    let floats = NpzReader::open(&path).unwrap().array("x").unwrap();
    assert!(floats.strings().unwrap_err().contains("text or whole numbers"));
    assert!(floats.indices().unwrap_err().contains("whole numbers"));
}
