//! Files that are whole or not there, and numpy's `.npz`.
//!
//! Everything that the project leaves on disk goes through [`write_whole`], so that a crash,
//! a full disk or an interruption never leaves half a file under its name. [`npz`] reads and
//! writes the arrays that are exchanged with Python. Of the workspace this crate knows nothing;
//! it depends on `tempfile`, `zip` and `serde_json` alone.
//!
//! ```
//! use std::io::Write;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("numbers/three.txt");
//! files::write_whole(&path, |file| Ok(file.write_all(b"3\n")?))?;
//! assert_eq!(std::fs::read(path)?, b"3\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod lines;
pub mod npz;
mod unfinished;
mod whole;

pub use error::{Error, Reason};
pub use lines::{read_json_lines, write_json_lines};
pub use unfinished::exit_without_unfinished;
pub use whole::{
    check_folder, check_place, check_shared_folder, check_shared_place, lock_folder, write_json, write_whole,
};
