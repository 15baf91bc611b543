use super::*;
#[test]
#[ignore]
fn speed() {
    for (n, d, m, epochs) in [
        (20, 3, 2, 20000),
        (100, 10, 2, 4000),
        (100, 100, 2, 1000),
        (1000, 10, 2, 60),
        (4000, 64, 2, 2),
        (100, 10, 10, 100),
    ] {
        let e = Experiment { pairs: n, dim: d, modalities: m, ..Default::default() };
        let initial = crate::sphere::initial_vectors(&e).unwrap();
        let threads = std::env::var("T").map_or(1, |t| t.parse().unwrap());
        let mut f = Fused::new(&e, initial, threads).unwrap();
        let mut h = History::default();
        f.advance(epochs / 10 + 1, Record::default(), &mut h).unwrap();
        let mut best = f64::INFINITY;
        let mut wall = f64::INFINITY;
        for _ in 0..5 {
            let t = cpu();
            let w = std::time::Instant::now();
            f.advance(epochs, Record::default(), &mut h).unwrap();
            wall = wall.min(w.elapsed().as_secs_f64() / epochs as f64 * 1e6);
            best = best.min((cpu() - t) / epochs as f64 * 1e6);
        }
        println!(
            "{n} {d} {m}: {best:.2} us, wall {wall:.2} us, {:.3} ns/entry",
            best * 1e3 / ((n * n) as f64 * (m * (m - 1) / 2) as f64)
        );
    }
}

fn cpu() -> f64 {
    #[repr(C)]
    struct T {
        s: i64,
        n: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(c: i32, t: *mut T) -> i32;
    }
    let mut t = T { s: 0, n: 0 };
    unsafe { clock_gettime(3, &mut t) };
    t.s as f64 + t.n as f64 * 1e-9
}
