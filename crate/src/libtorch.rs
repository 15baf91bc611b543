//! The reference engine: libtorch's autograd and Adam, on the CPU or a GPU. Where the similarities are
//! too many to be stored, their derivatives are computed by hand, in blocks.

use constellation::{
    BiasKind, Engine, Error, Experiment, History, Loss, Record, Schedule, State, TemperatureForm,
};
use ndarray::{Array3, ArrayD, Ix3};
use tch::nn::{self, OptimizerConfig};
use tch::{Kind, TchError, Tensor};

use crate::blocks::{Parameters, rows_of_a_block, sigmoid_in_blocks};
use crate::loss::{listed_loss, logits, sigmoid_loss};

type Result<T, E = TchError> = std::result::Result<T, E>;

fn failed(error: TchError) -> Error {
    Error::Engine { engine: "libtorch", source: Box::new(error) }
}

/// Vectors and parameters as leaves of libtorch's graph, and their optimiser.
pub struct Libtorch {
    experiment: Experiment,
    /// One `[pairs, dim]` leaf a modality; with several positives the queries and the documents.
    vectors: Vec<Tensor>,
    /// `[queries, documents]`, true where they match; none where row i matches row i alone, and
    /// the loss is the sigmoid's.
    matching: Option<Tensor>,
    /// In its form.
    temperature: Tensor,
    bias: Tensor,
    /// x of delta = sigmoid(x).
    adapter: Option<Tensor>,
    optimizer: nn::Optimizer,
    steps: usize,
    /// Rows of a block, if the similarities are too many to be stored.
    block: Option<i64>,
}

/// From so many pairs on, similarities are computed in blocks: 64 MiB of them, of which autograd keeps
/// several copies.
const TOO_MANY_PAIRS: usize = 4096;

impl Libtorch {
    /// Places the initial unit vectors, those of [`constellation::points::initial_vectors`] or others of
    /// their shape, on `device`.
    ///
    /// # Errors
    /// [`Error::Engine`] if libtorch cannot allocate them there.
    pub fn new(experiment: &Experiment, initial: Array3<f32>, device: tch::Device) -> Result<Self, Error> {
        Self::on(experiment, initial, device).map_err(failed)
    }

    fn on(experiment: &Experiment, initial: Array3<f32>, device: tch::Device) -> Result<Self> {
        let store = nn::VarStore::new(device);
        let leaf = |name: &str, value: &Tensor, trainable: bool| -> Result<Tensor> {
            if trainable { store.root().f_var_copy(name, value) } else { value.f_to(device) }
        };
        let mut families: Vec<Tensor> = initial.outer_iter().map(Tensor::try_from).collect::<Result<_>>()?;
        if !experiment.is_of_pairs() {
            let documents = experiment.pairs as i64;
            families = families[0].f_split_with_sizes([families[0].size()[0] - documents, documents], 0)?;
        }
        let mut vectors = Vec::with_capacity(families.len());
        for (m, family) in families.iter().enumerate() {
            vectors.push(leaf(&format!("modality {m}"), family, m > 0 || !experiment.locked)?);
        }
        let scalar = |value: f64| Tensor::from(value as f32);
        let temperature = scalar(experiment.temperature.form.encode(experiment.temperature.init));
        let temperature = leaf("temperature", &temperature, experiment.temperature.trainable)?;
        let bias = leaf("bias", &scalar(experiment.bias.init), experiment.bias.trainable)?;
        let adapter = experiment.adapter.map(|x| leaf("adapter", &scalar(x), true)).transpose()?;
        let optimizer = nn::Adam::default().build(&store, experiment.learning_rate)?;
        let is_listed = !experiment.is_of_pairs() || experiment.loss != Loss::Sigmoid;
        let matching = is_listed.then(|| matching(experiment, device)).transpose()?;
        let experiment = experiment.clone();
        let is_large = matching.is_none() && experiment.pairs >= TOO_MANY_PAIRS;
        let block = is_large.then(|| rows_of_a_block(experiment.pairs));
        Ok(Self { experiment, vectors, matching, temperature, bias, adapter, optimizer, steps: 0, block })
    }

    /// The same engine with similarities in blocks of so many rows, whatever their number; where
    /// several documents match a query, or the loss is another, they are stored all the same.
    #[must_use]
    pub fn in_blocks(mut self, rows: usize) -> Self {
        self.block = self.matching.is_none().then_some(rows.max(1) as i64);
        self
    }

    /// The inverse temperature t.
    fn t(&self) -> Result<Tensor> {
        match self.experiment.temperature.form {
            TemperatureForm::Logarithm => self.temperature.f_exp(),
            TemperatureForm::Plain => Ok(self.temperature.shallow_clone()),
            TemperatureForm::Reciprocal => self.temperature.f_reciprocal(),
        }
    }

    /// The gradients of the loss by the vectors, in their shape, at the last step; 0 of a locked
    /// modality, and before the first step.
    ///
    /// # Errors
    /// [`Error::Engine`] if libtorch reports one.
    pub fn gradients(&self) -> Result<Array3<f32>, Error> {
        let gradient = |vectors: &Tensor| match vectors.grad() {
            gradient if gradient.defined() => gradient,
            _ => vectors.zeros_like(),
        };
        let gradients: Vec<Tensor> = self.vectors.iter().map(gradient).collect();
        self.together(&gradients).and_then(|gradients| to_array(&gradients)).map_err(failed)
    }

    /// One tensor of what there is a part of for each family of vectors.
    fn together(&self, parts: &[Tensor]) -> Result<Tensor> {
        match self.experiment.is_of_pairs() {
            true => Tensor::f_stack(parts, 0),
            false => Tensor::f_cat(parts, 0)?.f_unsqueeze(0),
        }
    }

    /// The unit vectors that the loss sees, `[pairs, dim]` of each modality; with an adapter
    /// (delta U, sqrt(1 - delta^2)) and (delta V, -sqrt(1 - delta^2)).
    ///
    /// As in the study's code it is the extended vectors that are normalised, not V before:
    /// the value is the same, but the gradient of V keeps a radial part, which Adam sees.
    fn units(&self) -> Result<Vec<Tensor>> {
        let Some(x) = &self.adapter else {
            return self.vectors.iter().map(normalize).collect();
        };
        let delta = x.f_sigmoid()?;
        let height = delta.f_square()?.f_rsub_scalar(1.0)?.f_sqrt()?;
        let extend = |(vectors, sign): (&Tensor, f64)| {
            let column = height.f_mul_scalar(sign)?.f_expand([self.experiment.pairs as i64, 1], false)?;
            normalize(&Tensor::f_cat(&[vectors.f_mul(&delta)?, column], 1)?)
        };
        self.vectors.iter().zip([1.0, -1.0]).map(extend).collect()
    }

    fn step(&mut self, record: Record, recorded: &mut Recorded) -> Result<()> {
        let vectors = self.units()?;
        let t = self.t()?;
        let mut losses = Vec::new();
        let mut extremes = Vec::new();
        for (a, u) in vectors.iter().enumerate() {
            for v in &vectors[a + 1..] {
                let Experiment { bias, numerics, loss, .. } = self.experiment;
                if let Some(rows) = self.block {
                    let parameters = Parameters { t: &t, bias: &self.bias, kind: bias.kind, numerics };
                    let pass = sigmoid_in_blocks(u, v, &parameters, rows)?;
                    losses.push(pass.loss);
                    extremes.push(pass.extremes);
                    continue;
                }
                let similarities = u.f_matmul(&v.f_transpose(0, 1)?)?;
                losses.push(match &self.matching {
                    None => sigmoid_loss(&similarities, &t, &self.bias, bias.kind, numerics)?,
                    Some(matching) => {
                        listed_loss(&logits(&similarities, &t, &self.bias, bias.kind)?, matching, loss)?
                    }
                });
                if record.margin {
                    extremes.push(extreme_similarities(&similarities.f_detach()?, self.matching.as_ref())?);
                }
            }
        }
        let loss = Tensor::f_stack(&losses, 0)?.f_mean(None)?;
        if record.xi {
            recorded.xi.push(xi(&vectors[0].f_detach()?, &vectors[1].f_detach()?)?);
        }
        let Experiment { schedule, learning_rate, epochs, .. } = self.experiment;
        if schedule != Schedule::Constant {
            self.optimizer.set_lr(schedule.rate(learning_rate, self.steps, epochs));
        }
        self.steps += 1;
        self.optimizer.zero_grad();
        loss.f_backward()?;
        self.optimizer.step();
        self.project()?;

        recorded.loss.push(loss.f_detach()?);
        recorded.temperature.push(tch::no_grad(|| self.t())?.copy());
        recorded.bias.push(self.bias.f_detach()?.copy());
        if record.margin {
            recorded.extremes.push(pooled(&extremes)?);
        }
        Ok(())
    }

    fn read(&self) -> Result<State> {
        let _guard = tch::no_grad_guard();
        let delta = self.adapter.as_ref().map(|x| x.f_sigmoid()?.f_double_value(&[])).transpose()?;
        Ok(State {
            embeddings: to_array(&self.together(&self.units()?)?)?,
            temperature: self.t()?.f_double_value(&[])?,
            bias: self.bias.f_double_value(&[])?,
            delta,
        })
    }

    /// Puts the trained vectors back onto their spheres.
    fn project(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for vectors in &mut self.vectors[usize::from(self.experiment.locked)..] {
            let norms = vectors.f_norm_scalaropt_dim(2.0, [-1], true)?;
            let _ = vectors.f_div_(&norms)?;
        }
        Ok(())
    }
}

impl Engine for Libtorch {
    fn name(&self) -> &'static str {
        "libtorch"
    }

    fn advance(&mut self, epochs: usize, record: Record, history: &mut History) -> constellation::Result<()> {
        let _threads = Threads::for_pairs(self.experiment.pairs);
        let mut recorded = Recorded::default();
        for _ in 0..epochs {
            self.step(record, &mut recorded).map_err(failed)?;
        }
        recorded.append_to(history, self.experiment.bias.kind).map_err(failed)
    }

    fn state(&self) -> constellation::Result<State> {
        self.read().map_err(failed)
    }
}

/// libtorch's threads while an engine steps. Handing a small matrix to several threads
/// costs more than computing it, fifty times more when the processor is busy.
struct Threads {
    before: i32,
}

impl Threads {
    fn for_pairs(pairs: usize) -> Self {
        const WORTH_SHARING: usize = 500;
        let before = tch::get_num_threads();
        if pairs < WORTH_SHARING {
            tch::set_num_threads(1);
        }
        Self { before }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        tch::set_num_threads(self.before);
    }
}

/// Scalars that stay on the device until a chunk of epochs is done: fetching each
/// would make a GPU wait at every step.
#[derive(Default)]
struct Recorded {
    loss: Vec<Tensor>,
    temperature: Vec<Tensor>,
    bias: Vec<Tensor>,
    /// Minimum matching and maximum non-matching similarity.
    extremes: Vec<Tensor>,
    xi: Vec<Tensor>,
}

impl Recorded {
    fn append_to(self, history: &mut History, kind: BiasKind) -> Result<()> {
        let temperatures = fetch(&self.temperature)?;
        let biases = fetch(&self.bias)?;
        history.relative_bias.extend(temperatures.iter().zip(&biases).map(|(&t, &b)| kind.relative(b, t)));
        history.temperature.extend(temperatures);
        history.loss.extend(fetch(&self.loss)?);
        for pair in fetch(&self.extremes)?.chunks_exact(2) {
            history.margin.push((pair[0] - pair[1]) / 2.0);
            history.optimal_relative_bias.push((pair[0] + pair[1]) / 2.0);
        }
        history.xi.extend(fetch(&self.xi)?);
        Ok(())
    }
}

/// Each row of the last axis divided by its norm.
fn normalize(vectors: &Tensor) -> Result<Tensor> {
    vectors.f_div(&vectors.f_norm_scalaropt_dim(2.0, [-1], true)?)
}

/// A tensor of three axes as an array.
fn to_array(tensor: &Tensor) -> Result<Array3<f32>> {
    let tensor = tensor.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let array: ArrayD<f32> = (&tensor).try_into()?;
    Ok(array.into_dimensionality::<Ix3>().expect("modalities, pairs and dimension are three axes"))
}

fn fetch(scalars: &[Tensor]) -> Result<Vec<f64>> {
    if scalars.is_empty() {
        return Ok(Vec::new());
    }
    let column = Tensor::f_stack(scalars, 0)?.f_flatten(0, -1)?.f_to_kind(Kind::Double)?;
    Vec::<f64>::try_from(column)
}

/// Which documents match which queries, `[queries, documents]`.
fn matching(experiment: &Experiment, device: tch::Device) -> Result<Tensor> {
    let own: Vec<i64> = experiment.subsets().flat().into_iter().map(|document| document as i64).collect();
    let own = Tensor::f_from_slice(&own)?.f_view([-1, experiment.positives as i64])?;
    let none = Tensor::f_zeros([own.size()[0], experiment.pairs as i64], (Kind::Bool, tch::Device::Cpu))?;
    none.f_scatter_value(1, &own, 1)?.f_to(device)
}

fn extreme_similarities(similarities: &Tensor, matching: Option<&Tensor>) -> Result<Tensor> {
    let own = match matching {
        Some(matching) => similarities.f_masked_select(matching)?,
        None => similarities.f_diagonal(0, 0, 1)?,
    };
    let mask = match matching {
        Some(matching) => matching.shallow_clone(),
        None => Tensor::f_eye(similarities.size()[0], (Kind::Bool, similarities.device()))?,
    };
    let others = similarities.f_masked_fill(&mask, f64::NEG_INFINITY)?.f_max()?;
    Tensor::f_stack(&[own.f_min()?, others], 0)
}

/// The extremes over several pairs of modalities.
fn pooled(extremes: &[Tensor]) -> Result<Tensor> {
    let extremes = Tensor::f_stack(extremes, 1)?;
    Tensor::f_stack(&[extremes.f_get(0)?.f_min()?, extremes.f_get(1)?.f_max()?], 0)
}

/// mean ||U_i - V_i|| - ||mean (U_i - V_i)||.
fn xi(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    let difference = u.f_sub(v)?;
    let lengths = difference.f_norm_scalaropt_dim(2.0, [-1], false)?.f_mean(None)?;
    let mean = difference.f_mean_dim(0, false, None)?.f_norm()?;
    lengths.f_sub(&mean)
}
