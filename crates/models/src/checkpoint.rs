//! The weights of a checkpoint: one or several safetensors files.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use safetensors::{Dtype, tensor::Metadata};
use serde::Deserialize;
use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::folder::{Folder, Layout, OPEN_CLIP_CONFIG};
use crate::json;
use crate::tensor_names::{self, Source};

/// The tensors of a checkpoint, by Hugging Face's names whatever its layout. Opening reads the tables of
/// contents only; nothing is allocated that the files do not really hold.
#[derive(Debug)]
pub struct Checkpoint {
    layout: Layout,
    shards: Vec<Shard>,
    /// Which shard has a tensor.
    index: HashMap<String, usize>,
}

#[derive(Debug)]
struct Shard {
    file: PathBuf,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    start: u64,
    reader: Mutex<Reader>,
}

/// An open file: what is read is of one file, even if another takes its place meanwhile.
#[derive(Debug)]
struct Reader {
    file: File,
    /// As large as the largest tensor so far: new pages for each would take as long as reading.
    buffer: Vec<u8>,
}

/// As the safetensors format prescribes.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: HashMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names, or
    /// OpenCLIP's `open_clip_model.safetensors`.
    ///
    /// # Errors
    /// If there is neither, or a file's table of contents is not that of its bytes.
    pub fn open(folder: &Folder) -> Result<Self> {
        let layout = folder.layout();
        let files = match (layout, folder.find("model.safetensors")) {
            (Layout::OpenClip, _) => vec![open_clip_file(folder)?],
            (Layout::HuggingFace, Some(file)) => vec![file],
            (Layout::HuggingFace, None) => shard_files(folder)?,
        };
        let shards = files.into_iter().map(Shard::open).collect::<Result<Vec<_>>>()?;
        let index = (shards.iter().enumerate())
            .flat_map(|(k, shard)| shard.metadata.offset_keys().into_iter().map(move |name| (name, k)))
            .collect();
        Ok(Self { layout, shards, index })
    }

    /// The files that hold the weights.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.shards.iter().map(|shard| shard.file.as_path())
    }

    /// Reads the tensor `name`, which must have `shape`, and converts it to `kind`.
    ///
    /// # Errors
    /// If it is absent, has another shape, or is not of a floating-point type.
    pub fn tensor(&self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        if self.layout == Layout::HuggingFace {
            return self.stored(name, shape, kind);
        }
        let (rows, columns) = shape.split_first().unwrap_or((&1, &[]));
        let of = |rows: i64| [&[rows], columns].concat();
        match tensor_names::source(name) {
            Source::Whole(name) => {
                let same = |stored: &Vec<i64>| {
                    let sides = |shape: &[i64]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
                    sides(stored) == sides(shape)
                };
                match self.shape(&name).ok().filter(same) {
                    Some(stored) => Ok(self.stored(&name, &stored, kind)?.f_view(shape)?),
                    None => self.stored(&name, shape, kind), // which says what is wrong
                }
            }
            Source::Third(name, part) => {
                Ok(self.stored(&name, &of(3 * rows), kind)?.f_narrow(0, part * rows, *rows)?)
            }
            Source::Joined(first, second) => {
                let first = self.stored(&first, &of(rows / 3), kind)?;
                Ok(Tensor::f_cat(&[first, self.stored(&second, &of(rows - rows / 3), kind)?], 0)?)
            }
        }
    }

    /// Sides of the tensor that the files call `name`.
    ///
    /// # Errors
    /// If it is absent.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<i64>> {
        let shard = self.index.get(name).map(|&shard| &self.shards[shard]);
        let info = shard.and_then(|shard| shard.metadata.info(name)).ok_or_else(|| self.absent(name))?;
        Ok(info.shape.iter().map(|&n| n as i64).collect())
    }

    fn stored(&self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let &shard = self.index.get(name).ok_or_else(|| self.absent(name))?;
        self.shards[shard].tensor(name, shape, kind)
    }

    /// The error of a tensor that the files do not have.
    fn absent(&self, name: &str) -> Error {
        let reason = match self.index.keys().find(|key| key.ends_with(&format!(".{name}"))) {
            Some(key) => format!(
                "has `{key}` in place of `{name}`: the model was saved within another one. Save the inner \
                     one, or remove `{}` from the names",
                &key[..key.len() - name.len()]
            ),
            None if self.layout == Layout::HuggingFace
                && self.index.keys().any(|key| key.starts_with("visual.trunk.")) =>
            {
                format!(
                    "has no tensor `{name}`, but OpenCLIP's names: these are read beside an {}, and \
                         without a config.json",
                    OPEN_CLIP_CONFIG
                )
            }
            None => format!("has no tensor `{name}`, which its configuration implies"),
        };
        Error::checkpoint(&self.shards[0].file, reason)
    }
}

/// The one file of OpenCLIP's layout.
fn open_clip_file(folder: &Folder) -> Result<PathBuf> {
    let names = ["open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"];
    if let Some(file) = names.iter().find_map(|name| folder.find(name)) {
        return Ok(file);
    }
    let but = match folder.find("open_clip_pytorch_model.bin") {
        Some(_) => {
            ", but open_clip_pytorch_model.bin: only safetensors are read; OpenCLIP's `save_for_hf` writes them"
        }
        None => ": only checkpoints in that format are read",
    };
    Err(folder.missing(names[0], but))
}

/// The distinct files of `model.safetensors.index.json`, in order of their names.
fn shard_files(folder: &Folder) -> Result<Vec<PathBuf>> {
    let Some(index) = folder.find("model.safetensors.index.json") else {
        let others =
            ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"];
        let but = match others.iter().find(|file| folder.find(file).is_some()) {
            Some(other) => format!(
                ", but {other}: only safetensors are read; transformers' `from_pretrained` and then \
                 `save_pretrained` convert it"
            ),
            None => ": only checkpoints in that format are read".to_owned(),
        };
        return Err(folder.missing("model.safetensors", &but));
    };
    let map: ShardIndex = json::read(&index)?;
    let mut names: Vec<_> = map.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(Error::checkpoint(index, "`weight_map` names no file"));
    }
    names
        .iter()
        .map(|name| match Path::new(name).components().collect::<Vec<_>>()[..] {
            [std::path::Component::Normal(_)] => folder.require(name),
            _ => Err(Error::checkpoint(&index, format!("names `{name}`, which is not in its folder"))),
        })
        .collect()
}

impl Shard {
    fn open(file: PathBuf) -> Result<Self> {
        let io = |error| Error::file(&file, error);
        let mut reader = File::open(&file).map_err(io)?;
        let length = reader.metadata().map_err(io)?.len();
        let mut header_length = [0; 8];
        reader.read_exact(&mut header_length).map_err(io)?;
        let header_length = u64::from_le_bytes(header_length);
        if header_length > MAX_HEADER.min(length - 8) {
            let reason = format!(
                "is not a safetensors file, or truncated: it claims a table of contents of {header_length} bytes, \
                 and has {length} bytes in all"
            );
            return Err(Error::checkpoint(file, reason));
        }
        let mut header = vec![0; header_length as usize];
        reader.read_exact(&mut header).map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| {
            Error::checkpoint(&file, format!("its table of contents is invalid: {error}"))
        })?;
        let start = 8 + header_length;
        if (metadata.data_len() as u64).checked_add(start) != Some(length) {
            let reason = format!(
                "is truncated or damaged: its table of contents describes {} bytes of weights, and {} are there",
                metadata.data_len(),
                length - start
            );
            return Err(Error::checkpoint(file, reason));
        }
        Ok(Self { metadata, start, reader: Mutex::new(Reader { file: reader, buffer: Vec::new() }), file })
    }

    fn tensor(&self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let error = |reason: String| Error::checkpoint(&self.file, format!("tensor `{name}` {reason}"));
        let info = self.metadata.info(name).ok_or_else(|| error("is missing".to_owned()))?;
        if !info.shape.iter().map(|&n| n as i64).eq(shape.iter().copied()) {
            return Err(error(format!("has shape {:?}; config.json implies {shape:?}", info.shape)));
        }
        let stored = match info.dtype {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F64 => Kind::Double,
            other => return Err(error(format!("is of type {other:?}, expected a floating-point type"))),
        };
        let (begin, end) = info.data_offsets;
        Ok(self.read(begin..end, shape, stored)?.f_to_kind(kind)?)
    }

    /// A tensor of the bytes of `range` of the weights. A mapping of the file would stay in memory beside
    /// the weights in their final layout.
    fn read(&self, range: Range<usize>, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let io = |error: io::Error| Error::file(&self.file, error);
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { file, buffer } = &mut *reader;
        buffer.resize(range.len().max(buffer.len()), 0);
        let bytes = &mut buffer[..range.len()];
        file.seek(SeekFrom::Start(self.start + range.start as u64)).map_err(io)?;
        file.read_exact(bytes).map_err(io)?;
        Ok(Tensor::f_from_data_size(bytes, shape, kind)?)
    }
}
