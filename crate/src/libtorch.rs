//! The reference engine: libtorch's autograd and Adam, on the CPU or a GPU. Where the similarities are
//! too many to be stored, their derivatives are computed by hand, in blocks.
//!
//! Several runs of equal shapes are one tensor program: everything has the runs as an axis before its
//! own, so that the formulas stay as they are.

use constellation::{
    BatchEngine, Engine, Error, Experiment, History, Loss, Record, Schedule, State, TemperatureForm,
};
use ndarray::{Array3, ArrayD, Ix3};
use tch::{Kind, TchError, Tensor};
use threads::Threads;

use crate::adam::Adam;
use crate::blocks::{Parameters, rows_of_a_block, sigmoid_in_blocks};
use crate::loss::{listed_loss, logits, sigmoid_loss};
use crate::recorded::{Recorded, extreme_similarities, pooled, xi};

type Result<T, E = TchError> = std::result::Result<T, E>;

fn failed(error: TchError) -> Error {
    Error::Engine { engine: "libtorch", source: Box::new(error) }
}

/// Vectors and parameters as leaves of libtorch's graph, and their optimiser.
pub struct Libtorch {
    /// They differ in their numbers alone.
    experiments: Vec<Experiment>,
    /// Whether there is an axis of runs.
    is_batch: bool,
    /// One `[pairs, dim]` leaf a modality, `[runs, pairs, dim]` of several runs; with several positives
    /// the queries and the documents.
    vectors: Vec<Tensor>,
    /// `[queries, documents]`, true where they match; none where row i matches row i alone, and
    /// the loss is the sigmoid's.
    matching: Option<Tensor>,
    /// In its form; a scalar, or `[runs, 1, 1]`, as are bias and adapter.
    temperature: Tensor,
    bias: Tensor,
    /// x of delta = sigmoid(x).
    adapter: Option<Tensor>,
    adam: Adam,
    /// Its learning rates at this step.
    rates: Tensor,
    steps: usize,
    /// Rows of a block, if the similarities are too many to be stored.
    block: Option<i64>,
    threads: usize,
}

/// From so many pairs on, similarities are computed in blocks: 64 MiB of them, of which autograd keeps
/// several copies.
const TOO_MANY_PAIRS: usize = 4096;

/// Whether the loss is one that looks at all pairs, of which one in a row matches.
fn is_dense(experiment: &Experiment) -> bool {
    experiment.is_of_pairs() && experiment.loss == Loss::Sigmoid
}

impl Libtorch {
    /// Places the initial unit vectors, those of [`constellation::points::initial_vectors`] or others of
    /// their shape, on `device`.
    ///
    /// # Errors
    /// [`Error::Engine`] if libtorch cannot allocate them there.
    pub fn new(experiment: &Experiment, initial: Array3<f32>, device: tch::Device) -> Result<Self, Error> {
        Self::on(std::slice::from_ref(experiment), false, &[initial], device).map_err(failed)
    }

    /// Several runs of one form ([`constellation::train::form`]) together, with the vectors of each. A
    /// product of many matrices rounds otherwise than that of two, and by where in memory each lies: a
    /// run's last bits depend on its batch.
    ///
    /// # Errors
    /// [`Error::Engine`] if libtorch cannot allocate them there.
    ///
    /// # Panics
    /// If the runs are none, or such as [`Libtorch::runs_together`] leaves alone.
    pub fn batch(
        experiments: &[Experiment],
        initial: &[Array3<f32>],
        device: tch::Device,
    ) -> Result<Self, Error> {
        assert!(experiments.iter().all(|run| is_dense(run) && run.pairs < TOO_MANY_PAIRS));
        Self::on(experiments, true, initial, device).map_err(failed)
    }

    /// How many runs such as this one fit into a GiB together; one where the similarities are computed
    /// in blocks, several documents match a query, or the loss is another.
    pub fn runs_together(experiment: &Experiment) -> usize {
        /// So many matrices of similarities does autograd keep of a pair of modalities, and so many
        /// of vectors the optimiser.
        const MATRICES: usize = 10;
        const MEMORY: usize = 1 << 30;
        const MOST: usize = 1024;
        let Experiment { pairs, dim, modalities, epochs, .. } = *experiment;
        if !is_dense(experiment) || pairs >= TOO_MANY_PAIRS {
            return 1;
        }
        let similarities = modalities * (modalities - 1) / 2 * pairs * pairs;
        let history = 6 * epochs * size_of::<f64>();
        let numbers = MATRICES * (similarities + modalities * pairs * dim);
        (MEMORY / (numbers * size_of::<f32>() + history).max(1)).clamp(1, MOST)
    }

    fn on(
        experiments: &[Experiment],
        is_batch: bool,
        initial: &[Array3<f32>],
        device: tch::Device,
    ) -> Result<Self> {
        let experiment = &experiments[0];
        let leaf = |value: &Tensor, trainable: bool| -> Result<Tensor> {
            Ok(value.f_to_kind(Kind::Float)?.f_to_device(device)?.set_requires_grad(trainable))
        };
        let mut families = families(experiments, is_batch, initial)?;
        if !experiment.is_of_pairs() {
            let documents = experiment.pairs as i64;
            families = families[0].f_split_with_sizes([families[0].size()[0] - documents, documents], 0)?;
        }
        let mut vectors = Vec::with_capacity(families.len());
        for (m, family) in families.iter().enumerate() {
            vectors.push(leaf(&family.f_contiguous()?, m > 0 || !experiment.locked)?);
        }
        let numbers = |of: &dyn Fn(&Experiment) -> f64| numbers(experiments, is_batch, of);
        let temperature = numbers(&|run| run.temperature.form.encode(run.temperature.init))?;
        let temperature = leaf(&temperature, experiment.temperature.trainable)?;
        let bias = leaf(&numbers(&|run| run.bias.init)?, experiment.bias.trainable)?;
        let adapter = numbers(&|run| run.adapter.unwrap_or_default())?;
        let adapter = experiment.adapter.map(|_| leaf(&adapter, true)).transpose()?;
        let leaves = vectors.iter().chain([&temperature, &bias]).chain(&adapter);
        let adam = Adam::new(leaves.filter(|leaf| leaf.requires_grad()))?;
        let matching = (!is_dense(experiment)).then(|| matching(experiment, device)).transpose()?;
        let is_large = matching.is_none() && experiment.pairs >= TOO_MANY_PAIRS;
        let block = is_large.then(|| rows_of_a_block(experiment.pairs));
        let experiments = experiments.to_vec();
        Ok(Self {
            is_batch,
            vectors,
            matching,
            temperature,
            bias,
            adapter,
            adam,
            rates: rates(&experiments, is_batch, 0)?.f_to_device(device)?,
            steps: 0,
            block,
            threads: usize::MAX,
            experiments,
        })
    }

    /// What holds of all runs: everything but their numbers.
    fn experiment(&self) -> &Experiment {
        &self.experiments[0]
    }

    /// The same engine with similarities in blocks of so many rows, whatever their number; where
    /// several documents match a query, or the loss is another, they are stored all the same.
    #[must_use]
    pub fn in_blocks(mut self, rows: usize) -> Self {
        self.block = self.matching.is_none().then_some(rows.max(1) as i64);
        self
    }

    /// The same engine with all similarities stored, whatever their number.
    #[must_use]
    pub fn dense(mut self) -> Self {
        self.block = None;
        self
    }

    /// The same engine with so many of libtorch's threads at most, if it computes on the processor.
    #[must_use]
    pub fn on_threads(mut self, most: usize) -> Self {
        self.threads = most;
        self
    }

    /// The inverse temperature t.
    fn t(&self) -> Result<Tensor> {
        match self.experiment().temperature.form {
            TemperatureForm::Logarithm => self.temperature.f_exp(),
            TemperatureForm::Plain => Ok(self.temperature.shallow_clone()),
            TemperatureForm::Reciprocal => self.temperature.f_reciprocal(),
        }
    }

    /// The gradients of the loss by the vectors, in their shape, at the last step; 0 of a locked
    /// modality, and before the first step. Of several runs, those of the first.
    ///
    /// # Errors
    /// [`Error::Engine`] if libtorch reports one.
    pub fn gradients(&self) -> Result<Array3<f32>, Error> {
        let gradient = |vectors: &Tensor| match vectors.grad() {
            gradient if gradient.defined() => gradient,
            _ => vectors.zeros_like(),
        };
        let gradients: Vec<Tensor> = self.vectors.iter().map(gradient).collect();
        self.together(&gradients, 0).and_then(|gradients| to_array(&gradients)).map_err(failed)
    }

    /// One tensor of what a run has a part of for each family of vectors.
    fn together(&self, parts: &[Tensor], run: usize) -> Result<Tensor> {
        let of_run =
            |part: &Tensor| if self.is_batch { part.f_get(run as i64) } else { part.f_view_as(part) };
        let parts: Vec<Tensor> = parts.iter().map(of_run).collect::<Result<_>>()?;
        match self.experiment().is_of_pairs() {
            true => Tensor::f_stack(&parts, 0),
            false => Tensor::f_cat(&parts, 0)?.f_unsqueeze(0),
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
            let mut shape = vectors.size();
            *shape.last_mut().expect("vectors have two axes or three") = 1;
            let column = height.f_mul_scalar(sign)?.f_expand(shape, false)?;
            normalize(&Tensor::f_cat(&[vectors.f_mul(&delta)?, column], -1)?)
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
                let Experiment { bias, numerics, loss, .. } = *self.experiment();
                if let Some(rows) = self.block {
                    let parameters = Parameters { t: &t, bias: &self.bias, kind: bias.kind, numerics };
                    let pass = sigmoid_in_blocks(u, v, &parameters, rows)?;
                    losses.push(pass.loss);
                    extremes.push(pass.extremes);
                    continue;
                }
                let similarities = u.f_matmul(&v.f_transpose(-2, -1)?)?;
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
        // Of each run.
        let loss = Tensor::f_stack(&losses, 0)?.f_mean_dim(0, false, None)?;
        if record.xi {
            recorded.xi.push(xi(&vectors[0].f_detach()?, &vectors[1].f_detach()?)?);
        }
        if self.experiment().schedule != Schedule::Constant {
            self.rates = rates(&self.experiments, self.is_batch, self.steps)?.f_to_device(loss.device())?;
        }
        self.steps += 1;
        self.adam.zero_grad();
        // A run's parameters are in its own loss alone.
        loss.f_sum(None)?.f_backward()?;
        self.adam.step(&self.rates)?;
        self.project()?;

        recorded.loss.push(loss.f_detach()?);
        recorded.temperature.push(tch::no_grad(|| self.t())?.copy());
        recorded.bias.push(self.bias.f_detach()?.copy());
        if record.margin {
            recorded.extremes.push(pooled(&extremes)?);
        }
        Ok(())
    }

    fn read(&self, run: usize) -> Result<State> {
        let _guard = tch::no_grad_guard();
        let number = |of_runs: &Tensor| of_runs.f_view(-1)?.f_double_value(&[run as i64]);
        let delta = self.adapter.as_ref().map(|x| number(&x.f_sigmoid()?)).transpose()?;
        Ok(State {
            embeddings: to_array(&self.together(&self.units()?, run)?)?,
            temperature: number(&self.t()?)?,
            bias: number(&self.bias)?,
            delta,
        })
    }

    /// Puts the trained vectors back onto their spheres.
    fn project(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let locked = usize::from(self.experiment().locked);
        for vectors in &mut self.vectors[locked..] {
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
        self.advance_all(epochs, record, &mut [history])
    }

    fn state(&self) -> constellation::Result<State> {
        self.state_of(0)
    }
}

impl BatchEngine for Libtorch {
    fn name(&self) -> &'static str {
        Engine::name(self)
    }

    fn advance_all(
        &mut self,
        epochs: usize,
        record: Record,
        histories: &mut [&mut History],
    ) -> constellation::Result<()> {
        let Experiment { pairs, bias, .. } = *self.experiment();
        let similarities = self.experiments.len() * pairs * pairs;
        let _threads = Threads::at_most(most_threads(similarities).min(self.threads));
        let mut recorded = Recorded::default();
        for _ in 0..epochs {
            self.step(record, &mut recorded).map_err(failed)?;
        }
        recorded.append_to(histories, bias.kind).map_err(failed)
    }

    fn state_of(&self, run: usize) -> constellation::Result<State> {
        self.read(run).map_err(failed)
    }
}

/// On how many threads so many similarities are computed at most. To hand a small matrix to several
/// costs more than computing it, fifty times more when the processor is busy.
fn most_threads(similarities: usize) -> usize {
    const WORTH_SHARING: usize = 500 * 500;
    if similarities < WORTH_SHARING { 1 } else { usize::MAX }
}

/// The vectors of each modality, `[pairs, dim]`, or `[runs, pairs, dim]` of a batch.
fn families(experiments: &[Experiment], is_batch: bool, initial: &[Array3<f32>]) -> Result<Vec<Tensor>> {
    let of_runs: Vec<Tensor> = initial.iter().map(Tensor::try_from).collect::<Result<_>>()?;
    assert_eq!(of_runs.len(), experiments.len(), "each run has its vectors");
    let all = Tensor::f_stack(&of_runs, 1)?;
    let all = if is_batch { all } else { all.f_squeeze_dim(1)? };
    all.f_unbind(0)
}

fn rates(experiments: &[Experiment], is_batch: bool, step: usize) -> Result<Tensor> {
    numbers(experiments, is_batch, &|run| run.schedule.rate(run.learning_rate, step, run.epochs))
}

/// A number of each run, float64, `[runs, 1, 1]` in a batch, and else a scalar.
fn numbers(experiments: &[Experiment], is_batch: bool, of: &dyn Fn(&Experiment) -> f64) -> Result<Tensor> {
    let numbers: Vec<f64> = experiments.iter().map(of).collect();
    let shape: &[i64] = if is_batch { &[-1, 1, 1] } else { &[] };
    Tensor::f_from_slice(&numbers)?.f_view(shape)
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

/// Which documents match which queries, `[queries, documents]`.
fn matching(experiment: &Experiment, device: tch::Device) -> Result<Tensor> {
    let own: Vec<i64> = experiment.subsets().flat().into_iter().map(|document| document as i64).collect();
    let own = Tensor::f_from_slice(&own)?.f_view([-1, experiment.positives as i64])?;
    let none = Tensor::f_zeros([own.size()[0], experiment.pairs as i64], (Kind::Bool, tch::Device::Cpu))?;
    none.f_scatter_value(1, &own, 1)?.f_to(device)
}
