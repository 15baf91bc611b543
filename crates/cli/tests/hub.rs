//! Checkpoints from the Hugging Face hub, played here by a server of this test.
#![allow(missing_docs)]

mod process;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Output,
    thread,
};

use process::siglip;
use serde_json::{Value, json};

const ID: &str = "someone/siglip-emoji";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Nothing listens at the discard port.
const NO_HUB: &str = "http://127.0.0.1:9";

/// The folder of the model that the hub has.
fn emoji() -> PathBuf {
    testing::root().join("data/checkpoints/emoji-relative")
}

/// Starts a hub with one model, and in it a file that no one needs. Returns its address.
fn start_hub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let [method, path, ..] = request.split(' ').collect::<Vec<_>>()[..] else { return };
    let file = path.strip_prefix(&format!("/{ID}/resolve/{COMMIT}/"));
    let (status, body) = if path.starts_with(&format!("/api/models/{ID}/tree/")) {
        (
            "200 OK",
            Value::from_iter(
                files()
                    .map(|(name, size)| json!({"type": "file", "path": name, "size": size, "oid": COMMIT})),
            )
            .to_string()
            .into_bytes(),
        )
    } else if path.starts_with(&format!("/api/models/{ID}/")) {
        let siblings = Value::from_iter(files().map(|(name, _)| json!({"rfilename": name})));
        ("200 OK", json!({"id": ID, "sha": COMMIT, "siblings": siblings}).to_string().into_bytes())
    } else if let Some(bytes) = file.and_then(|file| fs::read(emoji().join(file)).ok()) {
        ("200 OK", bytes)
    } else {
        ("404 Not Found", Vec::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\n\
         X-Error-Code: RepoNotFound\r\nConnection: close\r\n\r\n",
        body.len(),
        path.replace('/', "-"),
    );
    let body = if method == "HEAD" { &[] } else { &body[..] };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// Names and sizes.
fn files() -> impl Iterator<Item = (String, u64)> {
    let there = fs::read_dir(emoji()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
    });
    there.chain([("pytorch_model.bin".to_owned(), 1)])
}

/// `siglip embed` with the cache `folder/cache` and one picture.
fn embed(folder: &Path, hub: &str, model: &str) -> Output {
    let pictures = folder.join("pictures");
    fs::create_dir_all(pictures.join("grinning face")).unwrap();
    let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 99]));
    picture.save(pictures.join("grinning face/1.png")).unwrap();
    let mut siglip = siglip();
    siglip.args(["embed", "--model", model]).arg("--images").arg(pictures);
    siglip.arg("--out").arg(folder.join("out.npz"));
    siglip.env("HF_ENDPOINT", hub).env("HF_HUB_CACHE", folder.join("cache"));
    siglip.env_remove("HF_TOKEN").env_remove("HF_HUB_OFFLINE").output().unwrap()
}

#[test]
fn a_model_is_downloaded_once_and_is_there_without_network_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let embeddings = |hub: &str, model: &str| {
        let output = embed(folder.path(), hub, model);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(folder.path().join("out.npz")).unwrap()
    };
    let expected = embeddings(NO_HUB, emoji().to_str().unwrap());
    assert!(embeddings(&start_hub(), ID) == expected);
    let snapshot = folder.path().join(format!("cache/models--someone--siglip-emoji/snapshots/{COMMIT}"));
    assert!(snapshot.join("model.safetensors").exists() && !snapshot.join("pytorch_model.bin").exists());
    assert!(embeddings(NO_HUB, ID) == expected);
}

#[test]
fn a_model_that_cannot_be_had_is_an_error_that_says_what_to_do() {
    for (hub, model, reason) in
        [(&*start_hub(), "someone/unknown", "RepositoryNotFound"), (NO_HUB, ID, "Connection refused")]
    {
        let folder = tempfile::tempdir().unwrap();
        let output = embed(folder.path(), hub, model);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        for words in [model, reason, "Without network", &format!("hf download {model}"), "give its folder"] {
            assert!(error.contains(words), "{words:?} is not in: {error}");
        }
        assert!(!error.contains("panicked") && !error.contains("Traceback"), "{error}");
    }
}
