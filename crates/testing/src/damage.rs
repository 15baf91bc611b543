//! Damage as it happens to files, for tests in which no damage may be more than an error.
//!
//! ```no_run
//! proptest::proptest! {
//!     fn damaged_files_are_errors(changes in testing::damage::changes()) {
//!         let mut bytes = b"what is intact".to_vec();
//!         testing::damage::apply(&changes, &mut bytes);
//!         let _ = std::str::from_utf8(&bytes); // must not panic
//!     }
//! }
//! ```

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What can happen at a place in a file.
#[derive(Debug, Clone)]
pub enum Change {
    /// A byte is another one.
    Byte(Index, u8),
    /// The rest is not there.
    Cut(Index),
    /// So many bytes are not there.
    Removed(Index, usize),
    /// So many bytes are there twice.
    Repeated(Index, usize),
    /// So many bytes are all this one.
    Filled(Index, usize, u8),
    /// A number in decimal is as large as it can be.
    Enlarged(Index),
}

/// One change, or some.
pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<Index>;
    let change = prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => place().prop_map(Change::Cut),
        1 => (place(), 1..40usize).prop_map(|(at, count)| Change::Removed(at, count)),
        1 => (place(), 1..40usize).prop_map(|(at, count)| Change::Repeated(at, count)),
        1 => (place(), 1..9usize, select(vec![0, 1, b'0', b'9', 0x7f, 0x80, 0xff]))
            .prop_map(|(at, count, byte)| Change::Filled(at, count, byte)),
        1 => place().prop_map(Change::Enlarged),
    ];
    prop::collection::vec(change, 1..6)
}

/// Applies `changes` in turn.
pub fn apply(changes: &[Change], bytes: &mut Vec<u8>) {
    for change in changes {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match change {
            Change::Byte(at, byte) => bytes[at.index(length)] = *byte,
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Removed(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Change::Repeated(at, count) => {
                let at = at.index(length);
                let part = bytes[at..length.min(at + count)].to_vec();
                bytes.splice(at..at, part);
            }
            Change::Filled(at, count, byte) => {
                let at = at.index(length);
                bytes[at..length.min(at + count)].fill(*byte);
            }
            Change::Enlarged(at) => {
                let digits =
                    bytes.iter_mut().skip(at.index(length)).skip_while(|byte| !byte.is_ascii_digit());
                digits.take_while(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'9');
            }
        }
    }
}
