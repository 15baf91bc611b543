//! Links to libtorch; see `siglip-link`.

fn main() {
    link::libtorch();
}
