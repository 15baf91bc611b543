//! Embedding a data set: all forms of it, interrupted runs, broken images, the file.
#![allow(missing_docs)]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use models::{EmbedOptions, Embedder, Embeddings, decode, embed};
use ndarray::s;
use tempfile::TempDir;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The committed images, of which every third is of one class, in class folders.
fn class_folders() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (k, image) in images().iter().enumerate() {
        let class = folder.path().join(["tabby cat", "goldfish", "Zürich"][k % 3]);
        fs::create_dir_all(&class).unwrap();
        fs::copy(image, class.join(image.file_name().unwrap())).unwrap();
    }
    folder
}

fn images() -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(format!("{GOLDEN}/images")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn options(images: &Path, out: &Path) -> EmbedOptions {
    EmbedOptions { batch: 4, ..EmbedOptions::new(format!("{GOLDEN}/siglip"), images, out) }
}

/// Embeds, and counts the images that were computed, not resumed.
fn run(options: &EmbedOptions) -> (models::Result<Embeddings>, usize) {
    let mut computed = 0;
    let result = embed(options, &mut |progress| {
        assert!(progress.done <= progress.total);
        if progress.stage == "images" {
            computed = progress.done - progress.resumed;
        }
    });
    (result, computed)
}

#[test]
fn rows_are_grouped_by_class_and_are_those_of_each_image() {
    let data = class_folders();
    let out = data.path().join("out.npz");
    let embeddings = run(&options(data.path(), &out)).0.unwrap();
    assert_eq!(embeddings.classes, ["Zürich", "goldfish", "tabby cat"]);
    assert_eq!(embeddings.image.nrows(), images().len());
    assert_eq!(Embeddings::read(&out).unwrap(), embeddings);

    let embedder = Embedder::load(&format!("{GOLDEN}/siglip"), Default::default()).unwrap();
    for class in 0..3 {
        let folder = data.path().join(&embeddings.classes[class]);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for (row, file) in embeddings.rows(class).zip(files) {
            let image = decode(&fs::read(file).unwrap(), "image").unwrap();
            let alone = embedder.images(&[image]).unwrap();
            let cosine = alone.row(0).dot(&embeddings.image.row(row));
            assert!((cosine - 1.0).abs() < 1e-5, "row {row}: {cosine}");
        }
        let text = embedder.texts(&[&embeddings.classes[class]]).unwrap();
        assert!((text.row(0).dot(&embeddings.class_text.row(class)) - 1.0).abs() < 1e-5);
    }
}

/// Shards of machines with different numbers of cores are merged to one file.
#[test]
fn the_number_of_threads_moves_no_bit() {
    let (data, results) = (class_folders(), tempfile::tempdir().unwrap());
    let threads = tch::get_num_threads();
    let with_threads = |threads: i32| {
        tch::set_num_threads(threads);
        let out = results.path().join(format!("{threads}.npz"));
        let embeddings = run(&EmbedOptions { batch: 16, ..options(data.path(), &out) }).0.unwrap();
        (embeddings, fs::read(out).unwrap())
    };
    let alone = with_threads(1);
    for several in [2, 3, 8] {
        assert!(with_threads(several) == alone, "{several} threads");
    }
    tch::set_num_threads(threads);
}

#[test]
fn an_archive_and_a_folder_with_labels_give_the_same() {
    let data = class_folders();
    let flat = tempfile::tempdir().unwrap();
    let (mut labels, mut archive) =
        (String::new(), tar::Builder::new(File::create(flat.path().join("all.tar")).unwrap()));
    // In the archive the images stand in reverse; order of names is what counts.
    for image in images().iter().rev() {
        archive.append_path_with_name(image, image.file_name().unwrap()).unwrap();
    }
    archive.finish().unwrap();
    fs::create_dir(flat.path().join("images")).unwrap();
    for (k, image) in images().iter().enumerate() {
        fs::copy(image, flat.path().join("images").join(image.file_name().unwrap())).unwrap();
        labels += ["tabby cat\n", "goldfish\r\n", "Zürich\n"][k % 3];
    }
    let labels_file = flat.path().join("labels.txt");
    fs::write(&labels_file, &labels).unwrap();
    let expected = run(&options(data.path(), &flat.path().join("a.npz"))).0.unwrap();
    for source in ["all.tar", "images"] {
        let options = EmbedOptions {
            labels: Some(labels_file.clone()),
            ..options(&flat.path().join(source), &flat.path().join("b.npz"))
        };
        assert_eq!(run(&options).0.unwrap(), expected, "{source}");
        fs::write(&labels_file, format!("{labels}one too many\n")).unwrap();
        let error = run(&options).0.unwrap_err().to_string();
        let count = images().len();
        for words in ["labels.txt", &format!("{} labels", count + 1), &format!("{count} images")] {
            assert!(error.contains(words), "{words:?} is not in: {error}");
        }
        fs::write(&labels_file, &labels).unwrap();
    }
}

#[test]
fn a_stopped_run_continues_where_it_was_with_the_same_result() {
    let data = class_folders();
    let out = tempfile::tempdir().unwrap();
    let (whole, computed) = run(&options(data.path(), &out.path().join("whole.npz")));
    let (whole, total) = (whole.unwrap(), images().len());
    assert_eq!(computed, total);

    // The last image, in order of classes, is broken.
    let last = data.path().join("tabby cat");
    let mut files: Vec<_> = fs::read_dir(&last).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let broken = files.last().unwrap();
    let (intact, modified) = (fs::read(broken).unwrap(), fs::metadata(broken).unwrap().modified().unwrap());
    fs::write(broken, &intact[..intact.len() / 2]).unwrap();
    let options = options(data.path(), &out.path().join("stopped.npz"));
    let (result, computed) = run(&options);
    let error = result.unwrap_err().to_string();
    let name = broken.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name) && error.contains("stopped.npz.partial"), "{error}");
    assert!(computed >= total - 4 && !options.out.exists());

    // With another batch size it would not give the same numbers.
    let other = EmbedOptions { batch: 5, ..options.clone() };
    assert!(run(&other).0.unwrap_err().to_string().contains("`batch` was 4, now 5"));

    let skipping = EmbedOptions { skip_broken: true, ..options.clone() };
    let (result, computed) = run(&skipping);
    let skipped = result.unwrap();
    assert!(computed <= 4);
    assert_eq!(skipped.skipped, [format!("tabby cat/{name}")]);
    assert_eq!(skipped.image, whole.image.slice(s![..total - 1, ..]));

    let again = EmbedOptions { out: out.path().join("again.npz"), ..options };
    assert!(run(&again).0.is_err());
    fs::write(broken, &intact).unwrap();
    File::options().write(true).open(broken).unwrap().set_modified(modified).unwrap();
    let (result, computed) = run(&again);
    assert_eq!(result.unwrap(), whole);
    assert!(computed <= 4, "{computed} images were computed again");
    let bytes = |name: &str| fs::read(out.path().join(name)).unwrap();
    assert_eq!(bytes("again.npz"), bytes("whole.npz"));
    assert!(!out.path().join("again.npz.partial").exists());
}

#[test]
fn embeddings_of_templates_are_averaged_as_zero_shot_classification_does() {
    let data = class_folders();
    let out = data.path().join("out.npz");
    let templates = ["a photo of a {}.", "{}", "art of the {}"].map(str::to_owned).to_vec();
    let embedded = |count: usize| {
        let templates = templates[..count].to_vec();
        run(&EmbedOptions { templates, ..options(data.path(), &out) }).0.unwrap()
    };
    let (one, three) = (embedded(1), embedded(3));
    let embedder = Embedder::load(&format!("{GOLDEN}/siglip"), Default::default()).unwrap();
    let texts = embedder.texts(&["a photo of a goldfish.", "goldfish", "art of the goldfish"]).unwrap();
    let mean = texts.mean_axis(ndarray::Axis(0)).unwrap();
    let mean = &mean / mean.dot(&mean).sqrt();
    let goldfish = one.classes.iter().position(|class| class == "goldfish").unwrap();
    assert!((&one.class_text.row(goldfish) - &texts.row(0)).iter().all(|x| x.abs() < 2e-6));
    assert!((&three.class_text.row(goldfish) - &mean).iter().all(|x| x.abs() < 2e-6));
    assert_eq!(one.image, three.image);
    let without = EmbedOptions { templates: vec!["a photo".to_owned()], ..options(data.path(), &out) };
    assert!(run(&without).0.unwrap_err().to_string().contains("`a photo`"));
}

#[test]
fn a_class_of_which_every_image_is_skipped_is_named() {
    let data = class_folders();
    fs::create_dir(data.path().join("shark")).unwrap();
    fs::write(data.path().join("shark/a.jpg"), "no picture").unwrap();
    let skipping = EmbedOptions { skip_broken: true, ..options(data.path(), &data.path().join("out.npz")) };
    let embeddings = run(&skipping).0.unwrap();
    assert_eq!(
        (embeddings.skipped, embeddings.left_out.empty),
        (vec!["shark/a.jpg".into()], vec!["shark".into()])
    );
    assert_eq!(embeddings.classes.len(), 3);
}
