//! What to run: the description of one synthetic experiment.

use serde::{Deserialize, Serialize};

use crate::description;
use crate::error::{Error, Result};
use crate::objective::{Loss, Schedule, TemperatureForm, is_default};
use crate::subsets::Subsets;

/// One synthetic experiment: unit vectors on spheres, trained directly with Adam on a contrastive
/// loss, that of SigLIP unless `loss` says otherwise. The JSON form of this type is the run
/// description that `siglip train` reads; keys that are absent take the defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// Number of pairs N; row i of every modality belongs to pair i. Number of documents, if several
    /// of them match a query (`positives`).
    pub pairs: usize,
    /// Dimension d of the vectors, which lie on the sphere S^(d-1).
    pub dim: usize,
    /// Number of modalities M; the loss is the mean over their M(M-1)/2 pairs.
    pub modalities: usize,
    /// Full-batch steps of Adam.
    pub epochs: usize,
    /// Seed of PyTorch's CPU generator, from which the initial vectors are drawn.
    pub seed: u64,
    /// Learning rate of Adam, for vectors, log t, bias and adapter alike.
    pub learning_rate: f64,
    /// The inverse temperature t.
    pub temperature: Temperature,
    /// The bias, relative or absolute.
    pub bias: Bias,
    /// Whether the first modality keeps its initial vectors (a locked encoder).
    pub locked: bool,
    /// Initial x of the adapter's delta = sigmoid(x); needs `locked`.
    pub adapter: Option<f64>,
    /// Draws of `randn(pairs, dim)` thrown away after seeding (and after the locked
    /// modality's): the place of this run in a stream that several runs share.
    pub skip: usize,
    /// How a term of the loss is computed.
    pub numerics: Numerics,
    /// Who computes the steps.
    pub engine: EngineChoice,
    /// Which loss.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: Loss,
    /// How many documents match a query: k = 1 is pairs. With k > 1 there is a query U for each subset
    /// of k of the `pairs` documents V, in lexicographic order ([`Subsets`]).
    #[serde(skip_serializing_if = "is_one")]
    pub positives: usize,
    /// How the learning rate goes on; `learning_rate` is its highest value.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Schedule,
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            pairs: 100,
            dim: 10,
            modalities: 2,
            epochs: 10_000,
            seed: 50,
            learning_rate: 0.01,
            temperature: Temperature::default(),
            bias: Bias::default(),
            locked: false,
            adapter: None,
            skip: 0,
            numerics: Numerics::default(),
            engine: EngineChoice::default(),
            loss: Loss::default(),
            positives: 1,
            schedule: Schedule::default(),
        }
    }
}

/// The inverse temperature t, learned as log t unless `form` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Temperature {
    /// Value of t at the start.
    pub init: f64,
    /// Whether Adam changes it.
    pub trainable: bool,
    /// As which number.
    #[serde(skip_serializing_if = "is_default")]
    pub form: TemperatureForm,
}

impl Temperature {
    /// A temperature that training changes.
    pub fn trained(init: f64) -> Self {
        Self { init, trainable: true, form: TemperatureForm::default() }
    }

    /// A temperature that stays as it is.
    pub fn fixed(init: f64) -> Self {
        Self { init, trainable: false, form: TemperatureForm::default() }
    }

    /// The same, learned in another form.
    #[must_use]
    pub fn learned_as(self, form: TemperatureForm) -> Self {
        Self { form, ..self }
    }
}

impl Default for Temperature {
    fn default() -> Self {
        Self::trained(10.0)
    }
}

/// The bias of the logits, in one of two parametrisations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bias {
    /// Which of the two.
    pub kind: BiasKind,
    /// Value at the start: b_rel or b, as `kind` says.
    pub init: f64,
    /// Whether Adam changes it.
    pub trainable: bool,
}

impl Bias {
    /// A bias that training changes.
    pub fn trained(kind: BiasKind, init: f64) -> Self {
        Self { kind, init, trainable: true }
    }

    /// A bias that stays as it is.
    pub fn fixed(kind: BiasKind, init: f64) -> Self {
        Self { kind, init, trainable: false }
    }
}

impl Default for Bias {
    fn default() -> Self {
        Self::fixed(BiasKind::Relative, 0.0)
    }
}

/// Parametrisation of the bias. The two give the same loss where b = t b_rel, but
/// other gradients, so training ends elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BiasKind {
    /// Logits `t (s - b_rel)`, the paper's proposal.
    Relative,
    /// Logits `t s - b`. Hugging Face's `logit_bias` is `-b`.
    Absolute,
}

impl BiasKind {
    /// The relative bias b_rel that `bias`, of this kind, means at temperature `t`.
    pub fn relative(self, bias: f64, t: f64) -> f64 {
        match self {
            Self::Relative => bias,
            Self::Absolute => bias / t,
        }
    }
}

/// How a term of the loss is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numerics {
    /// `-log(sigmoid(z) + 1e-8)` for a matching pair, `-log(1 - sigmoid(z) + 1e-8)`
    /// for the others, as the paper's code: a term is capped at 18.42, and a badly
    /// wrong pair has no gradient.
    #[default]
    Paper,
    /// `softplus(-z)` and `softplus(z)`.
    Exact,
}

/// Who computes the steps of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// The fastest engine that can run the description on the device.
    #[default]
    Auto,
    /// Hand-derived gradients in one pass over the pairs, on the CPU.
    Fused,
    /// libtorch's autograd and Adam: the reference, and the engine for GPUs.
    Libtorch,
}

impl Experiment {
    /// Reads a description from JSON.
    ///
    /// # Errors
    /// [`Error::Description`] names a key that is unknown or of the wrong type,
    /// [`Error::Value`] one whose value is impossible.
    pub fn from_json(json: &str) -> Result<Self> {
        let experiment: Self = description::from_json(json)?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// The same experiment with some keys replaced: `with(&["temperature.init=5"])`.
    /// A value is JSON, or else a bare word (`numerics=exact`).
    ///
    /// # Errors
    /// As [`Experiment::from_json`]; an assignment without `=` is an error as well.
    pub fn with<S: AsRef<str>>(&self, assignments: &[S]) -> Result<Self> {
        let experiment: Self = description::replace(self, assignments)?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// How many draws of `randn(pairs, dim)` the run takes from the stream, a locked modality's
    /// aside: the next run in turn skips as many.
    pub fn draws(&self) -> usize {
        let drawn = self.modalities - usize::from(self.locked);
        if self.modalities > 2 { 2 * drawn } else { drawn }
    }

    /// Which documents match which query.
    pub fn subsets(&self) -> Subsets {
        Subsets { documents: self.pairs, size: self.positives }
    }

    /// Whether a pair is one row of each modality: what there are margins, gaps and pictures for.
    pub fn is_of_pairs(&self) -> bool {
        self.positives == 1
    }

    /// Checks that the description can be run.
    ///
    /// # Errors
    /// [`Error::Value`] for the first key whose value is impossible.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, key, value: &dyn std::fmt::Display, expected| {
            if holds { Ok(()) } else { Err(Error::Value { key, value: value.to_string(), expected }) }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        check(self.pairs >= 2, "pairs", &self.pairs, "at least 2")?;
        check(self.dim >= 1, "dim", &self.dim, "at least 1")?;
        check(self.modalities >= 2, "modalities", &self.modalities, "at least 2")?;
        let numbers = [self.pairs, self.dim, self.modalities].into_iter().try_fold(1, usize::checked_mul);
        check(
            numbers.is_some_and(|numbers| numbers <= MAX_NUMBERS),
            "pairs",
            &self.pairs,
            "pairs x dim x modalities of at most 2^30",
        )?;
        let skipped = [self.skip, self.pairs, self.dim].into_iter().try_fold(1, usize::checked_mul);
        check(
            skipped.is_some_and(|numbers| numbers <= MAX_SKIPPED),
            "skip",
            &self.skip,
            "skip x pairs x dim of at most 10^10, which are minutes of drawing",
        )?;
        check((1..=MAX_EPOCHS).contains(&self.epochs), "epochs", &self.epochs, "1 to 100,000,000")?;
        check(positive(self.learning_rate), "learning_rate", &self.learning_rate, "a positive number")?;
        check(
            positive(self.temperature.init),
            "temperature.init",
            &self.temperature.init,
            "a positive number",
        )?;
        check(self.bias.init.is_finite(), "bias.init", &self.bias.init, "a finite number")?;
        if let Some(x) = self.adapter {
            check(x.is_finite(), "adapter", &x, "a finite number or null")?;
            check(self.locked, "adapter", &x, "null unless `locked` is true")?;
            check(self.modalities == 2, "adapter", &x, "null unless `modalities` is 2")?;
        }
        self.validate_objective()
    }

    /// What another loss, or several documents for a query, allow of the rest.
    fn validate_objective(&self) -> Result<()> {
        let check = |holds: bool, key, value: &dyn std::fmt::Display, expected| {
            if holds { Ok(()) } else { Err(Error::Value { key, value: value.to_string(), expected }) }
        };
        let Self { pairs, dim, positives, bias, .. } = self;
        check((1..*pairs).contains(positives), "positives", positives, "at least 1 and fewer than `pairs`")?;
        let numbers =
            self.subsets().count().and_then(|queries| queries.checked_add(*pairs)?.checked_mul(*dim));
        check(
            numbers.is_some_and(|numbers| numbers <= MAX_NUMBERS),
            "positives",
            positives,
            "so few subsets that subsets x dim is at most 2^30",
        )?;
        if self.loss == Loss::InfoNce {
            check(
                !bias.trainable,
                "bias.trainable",
                &true,
                "false with the loss `infonce`, which sees no bias",
            )?;
            check(
                bias.init == 0.0,
                "bias.init",
                &bias.init,
                "0 with the loss `infonce`, which sees no bias",
            )?;
        }
        if self.is_of_pairs() && self.loss == Loss::Sigmoid {
            return Ok(());
        }
        let among = "2 with the loss `infonce` or several positives";
        check(self.modalities == 2, "modalities", &self.modalities, among)?;
        check(!self.locked, "locked", &true, "false with the loss `infonce` or several positives")?;
        let exact = "exact with the loss `infonce` or several positives";
        check(self.numerics == Numerics::Exact, "numerics", &"paper", exact)?;
        let skip = "0 with several positives, where a stream is not shared";
        check(self.is_of_pairs() || self.skip == 0, "skip", &self.skip, skip)
    }
}

/// Of the vectors together; 4 GiB of float32.
const MAX_NUMBERS: usize = 1 << 30;
/// Numbers that are drawn and thrown away; of the platforms' own size where that is smaller.
const MAX_SKIPPED: usize = if usize::BITS < 64 { usize::MAX } else { 10_000_000_000_u64 as usize };
/// The history of a run holds a few numbers an epoch.
const MAX_EPOCHS: usize = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_keys_take_the_documented_defaults() {
        let documented = r#"{"pairs": 100, "dim": 10, "modalities": 2, "epochs": 10000, "seed": 50,
            "learning_rate": 0.01, "temperature": {"init": 10.0, "trainable": true},
            "bias": {"kind": "relative", "init": 0.0, "trainable": false}, "locked": false,
            "adapter": null, "skip": 0, "numerics": "paper", "engine": "auto"}"#;
        assert_eq!(Experiment::from_json("{}").unwrap(), Experiment::from_json(documented).unwrap());
    }

    #[test]
    fn an_error_names_the_key() {
        for (json, key) in [
            (r#"{"pears": 3}"#, "pears"),
            (r#"{"temperature": {"initial": 3}}"#, "initial"),
            (r#"{"temperature": {"init": -1}}"#, "temperature.init"),
            (r#"{"temperature": {"init": "hot"}}"#, "temperature.init"),
            (r#"{"bias": {"kind": "sideways"}}"#, "bias.kind"),
            (r#"{"pairs": 1}"#, "pairs"),
            (r#"{"pairs": 4000000000, "dim": 4000000000}"#, "pairs"),
            (r#"{"adapter": 0.5}"#, "adapter"),
            (r#"{"epochs": 0}"#, "epochs"),
            (r#"{"seed": -1}"#, "seed"),
            (r#"{"skip": 1000000000000}"#, "skip"),
            (r#"{"skip": 9999999, "pairs": 1000, "dim": 1000}"#, "skip"),
            (r#"{"pairs": 3} x"#, "after the description"),
            (r#"{"pairs": 3} {"pairs": 4}"#, "after the description"),
            (r#"{"pairs": 3}}"#, "after the description"),
            (r#"{"pairs": 3, "pairs": 3}"#, "duplicate field `pairs`"),
            (r#"{"bias": {"init": 1, "init": 1}}"#, "`bias`: duplicate field `init`"),
            (r#"{"positives": 0}"#, "positives"),
            (r#"{"positives": 100}"#, "positives"),
            (r#"{"pairs": 1000, "positives": 10}"#, "positives"),
            (r#"{"positives": 2}"#, "numerics"),
            (r#"{"positives": 2, "numerics": "exact", "skip": 1}"#, "skip"),
            (r#"{"positives": 2, "numerics": "exact", "modalities": 3}"#, "modalities"),
            (r#"{"loss": "infonce", "numerics": "exact", "locked": true, "adapter": 0.5}"#, "locked"),
            (r#"{"loss": "infonce", "numerics": "exact", "bias": {"trainable": true}}"#, "bias.trainable"),
            (r#"{"loss": "infonce", "numerics": "exact", "bias": {"init": 1}}"#, "bias.init"),
            (r#"{"loss": "hinge"}"#, "loss"),
            (r#"[3, 3]"#, "`.`: is a list"),
            (r#"{"temperature": [5, true]}"#, "`temperature`: is a list"),
            (r#"{"bias": ["relative", 1, true]}"#, "`bias`: is a list"),
        ] {
            let message = Experiment::from_json(json).unwrap_err().to_string();
            assert!(message.contains(key), "{json}: {message}");
        }
    }

    #[test]
    fn a_description_from_before_there_was_a_choice_stays_as_it_was() {
        let written = r#"{"pairs":100,"dim":10,"modalities":2,"epochs":10000,"seed":50,"learning_rate":0.01,"temperature":{"init":10.0,"trainable":true},"bias":{"kind":"relative","init":0.0,"trainable":false},"locked":false,"adapter":null,"skip":0,"numerics":"paper","engine":"auto"}"#;
        assert_eq!(serde_json::to_string(&Experiment::default()).unwrap(), written);
        let chosen = ["loss=infonce", "positives=2", "schedule=cosine", "numerics=exact"];
        let chosen = Experiment::default().with(&chosen).unwrap().with(&["temperature.form=plain"]).unwrap();
        let json = serde_json::to_string(&chosen).unwrap();
        assert_eq!(Experiment::from_json(&json).unwrap(), chosen);
        assert!(json.contains(r#""loss":"infonce","positives":2,"schedule":"cosine""#), "{json}");
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(Experiment::from_json("\u{feff}{}").unwrap(), Experiment::default());
    }

    #[test]
    fn assignments_replace_known_keys_only() {
        let experiment = Experiment::default();
        let changed =
            experiment.with(&["temperature.init=5", "numerics=exact", "adapter=0.5", "locked=true"]).unwrap();
        assert_eq!(changed.temperature, Temperature::trained(5.0));
        assert_eq!((changed.numerics, changed.adapter, changed.locked), (Numerics::Exact, Some(0.5), true));
        for wrong in
            ["temperature=[5, true]", "bias=[]", "temperature.start=5", "temperature", "pairs=1", "seed=many"]
        {
            assert!(experiment.with(&[wrong]).is_err(), "{wrong}");
        }
    }
}
